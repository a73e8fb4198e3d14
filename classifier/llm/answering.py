"""The answer to a question in the chat by a language model: grounded, checked before it is shown (C22)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict

from classifier.engine.redaction import restore
from classifier.engine.types import TriageInput
from classifier.llm.client import LlmClient
from classifier.llm.deadline import Deadline
from classifier.llm.drafting import Material, refused, sources_text, unfounded
from classifier.llm.fused import fence, first_of, plain
from classifier.llm.prompts import load_prompt, render
from classifier.llm.schemas import strict_schema
from classifier.llm.types import Completion, Message

_MOST_PARAGRAPHS: Final = 5
_MOST_SOURCES: Final = 5
_READERS: Final = {
    "requester": "a person who asks for help; speak to that person",
    "agent": "a support agent who looks for an answer; the agent decides what to do with it",
}


class ChatAnswer(BaseModel):
    """What the model writes; both lists are empty where the sources say nothing."""

    model_config = ConfigDict(frozen=True)

    paragraphs: Annotated[Sequence[Annotated[str, plain(700)]], first_of(_MOST_PARAGRAPHS)]
    used_sources: Annotated[Sequence[int], first_of(_MOST_SOURCES)]
    suggest_ticket: bool


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One entry of the conversation; ``own`` for what the person wrote."""

    text: str
    own: bool = True
    speaker: str = ""

    @property
    def line(self) -> str:
        """As the model reads it."""
        return f"{self.speaker or ('Person' if self.own else 'Answer')}: {self.text}"


@dataclass(frozen=True, slots=True)
class GroundedAnswer:
    """The checked words and the places of the sources they rest on; no words where nothing is known."""

    text: str
    used: tuple[int, ...]
    suggest_ticket: bool
    completion: Completion[ChatAnswer]


def answer_question(
    llm: LlmClient,
    turns: Sequence[ChatTurn],
    materials: Sequence[Material],
    *,
    reader: Literal["requester", "agent"],
    client: str,
    deadline: Deadline,
    secret: bytes,
    reference: str = "",
) -> GroundedAnswer:
    """Ask for an answer to the last turn and check it.

    An answer that cites none of the sources it was given says nothing, whatever it claims. Placeholders are
    put back only for values the person wrote. Raises LlmError when no model answers acceptably, or the answer
    names a placeholder, link, address or number that nobody gave it.
    """
    prompt = load_prompt("chat")
    schema = json.dumps(strict_schema(ChatAnswer), separators=(",", ":"), ensure_ascii=False)
    lines = "\n".join(turn.line for turn in turns)
    completion = llm.complete(
        (
            Message(
                role="system", before=render(prompt.system, {"schema": schema, "reader": _READERS[reader]})
            ),
            Message(role="user", before="Sources:\n", content=sources_text(materials)),
            fence(TriageInput(body=lines, channel="chat"), prompt, secret=secret),
        ),
        ChatAnswer,
        client=client,
        deadline=deadline,
        prompt_version=prompt.version,
        reference=reference,
    )
    return _checked(completion, turns, materials)


def _checked(
    completion: Completion[ChatAnswer], turns: Sequence[ChatTurn], materials: Sequence[Material]
) -> GroundedAnswer:
    answer = completion.parsed
    used = [place for place in dict.fromkeys(answer.used_sources) if 1 <= place <= len(materials)]
    own = "\n".join(turn.text for turn in turns if turn.own)
    # The assistant's own words may hold what an earlier source said: only the person's count as given.
    restorable = {name: value for name, value in completion.placeholders.items() if value in own}
    cited = " ".join(f"{materials[place - 1].title} {materials[place - 1].text}" for place in used)
    problem = unfounded(answer.paragraphs, given=f"{own} {cited}", placeholders=restorable)
    if problem:
        raise refused(f"The answer names {problem}.", completion)
    words = [restore(text, restorable) for text in answer.paragraphs if text.strip()]
    text = "\n\n".join(words) if used else ""
    return GroundedAnswer(
        text, tuple(place - 1 for place in used) if text else (), answer.suggest_ticket, completion
    )
