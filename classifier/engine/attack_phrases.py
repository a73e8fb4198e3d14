"""Phrases by which a text tries to give orders to a model, by kind (C20).

They call for a person and decide nothing, so a missed one costs little and a wrong one a look. Every
quantifier is bounded. Wording that ordinary tickets use as well ("your prompt reply") is left out.
"""

from __future__ import annotations

import re
from typing import Final

_FILLER: Final = r"(?:[\s,'\"*_-]{1,3}\w{1,15}){0,5}?[\s,'\"*_-]{1,3}"
_FEW: Final = r"(?:[ ]\w{1,15}){0,3}?[ ]"
_INSTRUCTION_NOUN: Final = (
    r"(?:instructions?|prompts?|rules|guidelines|directions|directives|commands?|context|programming|"
    r"policies|restrictions|training|anweisung(?:en)?|instruktionen|regeln|vorgaben|befehle?|richtlinien|"
    r"instrucciones|consignes|istruzioni|instrukcije|инструкции)"
)
_WORK_NOUN: Final = (
    r"(?:tasks?|assignments?|questions?|messages?|conversation|text|articles?|information|thoughts|aufgaben?|"
    r"aufträge|informationen|nachrichten|texte?|ausführungen|fragen)"
)
_EARLIER: Final = (
    r"(?:all|any|every|previous|prior|above|earlier|preceding|foregoing|your|these|alle[nrs]?|bisherigen?|"
    r"vorherigen?|vorigen?|obigen?|deine[nr]?|ihre[nr]?)"
)
_DROP: Final = (
    r"(?:ignor(?:e|ed|ing)|disregard(?:ing)?|forget|override|bypass|abandon|ignorier(?:e|en|t)|vergiss|"
    r"vergessen(?: sie)?|missachte|übergehe|ignora|olvid(?:a|e|ar)|ignorez|oubliez|dimentica|забудьте|"
    r"zaboravi)"
)
# "Do not forget the guidelines" asks for the opposite.
_NOT_BEFORE: Final = r"(?<!n't )(?<!n’t )(?<!not )(?<!never )(?<!nicht )"
SUSPICIOUS: Final = (
    (
        "override",
        re.compile(
            _NOT_BEFORE
            + r"\b(?:"
            + _DROP
            + r"|neglect|overlook|discard|drop)\b"
            + _FILLER
            + _INSTRUCTION_NOUN
            + r"\b",
            re.IGNORECASE,
        ),
    ),
    (
        "override",
        re.compile(
            _NOT_BEFORE
            + r"\b"
            + _DROP
            + _FEW
            + _EARLIER
            + _FEW.replace("{0,3}", "{0,2}")
            + _WORK_NOUN
            + r"\b",
            re.IGNORECASE,
        ),
    ),
    (
        "override",
        re.compile(
            _NOT_BEFORE + r"\b" + _DROP + r"(?:[ ]about)?[ ](?:(?:all|everything|alles|todo|tout|tutto)"
            r"(?:(?:,? (?:of )?(?:the |that |what |you |was |we |i |wir |ich |du )?"
            r"(?:previous|above|before|prior|davor|said|were|was|know|learned|discussed|told|weißt|gesagt)\b)|"
            r"(?=[ ]{0,2}[,.:;!-]|[ ](?:and|und|que|y|vorher)\b))|"
            r"(?:the )?above\b(?! (?:error|issue|mail|e-mail|ticket|warning)))",
            re.IGNORECASE,
        ),
    ),
    (
        "override",
        re.compile(
            r"\b(?:bisherige|vorherige|obige|previous|prior|above)[nrs]?[ ](?:\w{1,15}[ ]){0,2}"
            r"(?:anweisungen|instruktionen|instructions|informationen|information|ausführungen)\b"
            + _FILLER
            + r"(?:ignorier\w{1,3}|vergessen|irrelevant|void|invalid|hinfällig|ungültig|obsolete)\b|"
            r"\b(?:abweichend (?:von|zu)|contrary to|instead of) (?:den |the |your )?"
            r"(?:vorherigen|bisherigen|previous|prior|above) (?:anweisungen|instruktionen|instructions)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "role_change",
        re.compile(
            r"\b(?:you are now|now,? you are|now you act|from now on[, ]{1,2}you|"
            r"pretend (?:to be|that you|you)|act as (?:if|though|an? |my )|roleplay as|"
            r"(?:you are|you're) (?:role-?playing|playing the role)|"
            r"(?:imagine|suppose) (?:that )?you(?: are|'re) (?!able|unable|trying|looking|in |on |at |not )|"
            r"simulate being|i want you to act|absorbed in your role|take on the role|"
            r"du bist (?:jetzt|nun|ab jetzt|ab sofort)|(?:jetzt|nun|ab jetzt|ab sofort) bist du|"
            r"stell dir vor,? du (?:bist|wärst)|spiel(?:e|st)? die rolle|verhalte dich wie|tu so,? als|"
            r"in (?:deiner|ihrer) rolle|dass (?:du|sie) als " + r"(?:[^\s.]{1,30}[ ]){1,6}?"
            r"(?:fungier|agier|handel)(?:st|en|t))\b",
            re.IGNORECASE,
        ),
    ),
    (
        "new_orders",
        re.compile(
            r"\b(?:(?:new|updated|real|actual|neue[nr]?|folgende neue) (?:instructions?|anweisung(?:en)?|"
            r"objective|directive|befehle?)[ ]?(?:is\b|are\b|follow|:|lautet|folgen|von|from)|"
            r"(?:nun|jetzt|now) (?:folgen|follow|come)(?:[ ]\w{1,12}){0,2}[ ]"
            r"(?:anweisungen|instructions|aufgaben)|"
            r"new instructions follow|your new (?:task|job|goal|objective|role)|"
            r"(?:deine|ihre) neue (?:aufgabe|rolle)|new challenge for you|"
            r"(?:that is|that's|das ist|das) (?:enough|done|erledigt|genügt)[.!] "
            r"(?:\w{1,10}[ ]){0,2}?(?:now|nun|jetzt|please|bitte)\b|"
            r"(?:^|[.!?\n][ ]?)stop[ ]?[:,-][ ]?(?:write|say|print|schreibe|sage?)\b|"
            r"(?:repeat after me|sprich mir nach|wiederhole nach mir)\b)",
            re.IGNORECASE,
        ),
    ),
    (
        "addressed_to_model",
        re.compile(
            r"\b(?:(?:note|message|instructions?|attention|notice|order|hinweis|nachricht|anweisung|befehl)"
            r"(?:[ ](?:to|for|an|für))?(?:[ ](?:the|any|all|this|die|das|den))?[ ]"
            r"(?:ai|llm|gpt|bot|chatbot|language models?|ai (?:assistant|model|agent)|classifier|"
            r"triage (?:system|engine|bot)|ki|sprachmodell)\b|"
            r"(?:dear|hello|hi|hey|hallo|liebe[rs]?) (?:ai|llm|gpt|chatgpt|chatbot|language model|ki|"
            r"sprachmodell)\b|"
            r"if you are an? (?:ai|llm|language model|bot)\b|falls du eine? (?:ki|sprachmodell|bot) bist)",
            re.IGNORECASE,
        ),
    ),
    (
        "prompt_leak",
        re.compile(
            r"\b(?:system[ -]?prompt\b(?! (?:me|us|you|for|that|with|says?|asks?|asking)\b)|"
            r"(?:initial|hidden|original|exact|secret) (?:prompt|instructions)|"
            r"developer message|prompt[- ]?texte?|prompt texts?|beginning of this prompt|"
            r"(?:dein|ihr)(?:e[nrs]?)?(?: \w{1,12})? prompt|"
            # "Your prompt reply" is what every second writer hopes for.
            r"your (?:full |entire |own )?prompts?"
            r"(?=[ ]{0,2}(?:[.,:;!?)\"']|$|(?:above|before|here|verbatim)\b))|"
            r"(?:reveal|repeat|output|leak|disclose|dump|verrate)" + _FILLER + r"(?:prompts?|instructions|"
            r"anweisungen|placeholders?|platzhalter)|"
            r"(?:print|show|tell|give|zeige?|nenne|gib)(?: me| mir| us| uns)? (?:all )?(?:of )?"
            r"(?:your|deine?n?|ihre?n?|the (?:real )?values? (?:of|behind)(?: the)?|die werte der) "
            r"(?:\w{1,12} ){0,2}(?:prompts?|instructions|anweisungen|placeholders?|platzhalter)\b|"
            r"what (?:was|is|were|are) (?:written )?(?:\w{1,10} ){0,4}(?:above|before) (?:this|the) "
            r"(?:prompt|text))",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "jailbreak",
        re.compile(
            r"\b(?:jailbreak (?:mode|prompt|yourself|the (?:ai|model|bot))|you are (?:now )?jailbroken|"
            r"do anything now|dan mode|developer mode (?:enabled|on)|god mode|"
            r"no (?:ethical |moral )?restrictions|without any (?:restrictions|filters)|unfiltered)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "spaced_letters",
        re.compile(r"(?<![^\W_])(?:[^\W\d_][ ]){9,80}[^\W\d_](?![^\W_])"),
    ),
    (
        "forged_placeholder",
        re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|ID|IP|SECRET|NAME|LITERAL)_\d{1,6}\]"),
    ),
    (
        "forged_answer",
        re.compile(
            r"[\"']category[\"']\s{0,3}:\s{0,3}[\"'][^\"'\n]{1,60}[\"'][^{}]{0,200}?"
            r"[\"'](?:confidence|severity|severity_confidence)[\"']\s{0,3}:",
            re.IGNORECASE,
        ),
    ),
    (
        "forged_markup",
        re.compile(
            r"<\|(?:im_start|im_end|system|endoftext)[^>\n]{0,20}>|\[/?INST\]|<</?SYS>>|</?(?:system|"
            r"assistant)>|"
            r"^\W{0,4}(?:system|assistant|human)(?: (?:message|prompt|note|override))?[ ]?:",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "label_steering",
        re.compile(
            r"\b(?:classify|categori[sz]e|label|mark|flag|set|tag)"
            + _FILLER
            + r"(?:as|to|=)[\s:\"']{1,3}(?:critical|urgent|low|resolved|closed|spam|highest|p1|category)\b|"
            r"\b(?:klassifiziere|kategorisiere|markiere|setze?|stufe)"
            + _FILLER
            + r"(?:als|auf|zu)[\s:\"']{1,3}(?:kritisch|dringend|gelöst|geschlossen|erledigt|spam|critical|"
            r"höchste|niedrig)|"
            r"\b(?:severity|category|priority|confidence)[\"']? ?(?:must be|has to be|is always) ?[\"']?\w",
            re.IGNORECASE,
        ),
    ),
    (
        "output_steering",
        re.compile(
            r"\b(?:respond|reply|answer|output) (?:only |just )?(?:with|in) (?:the |only |exactly )?"
            r"(?:word|words|json|following|text|phrase|exactly|\")|"
            r"\b(?:antworte|antworten sie) (?:nur |ausschließlich )?(?:mit|auf)\b|"
            r"\binstead,? (?:say|print|output|respond|reply|write)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "exfiltration",
        re.compile(
            r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}\?|\b(?:send|post|forward|upload|exfiltrate)"
            + _FILLER
            + r"(?:to )?https?://",
            re.IGNORECASE,
        ),
    ),
    (
        "hidden_style",
        re.compile(
            r"(?:display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|font-size\s{0,3}:\s{0,3}0|"
            r"opacity\s{0,3}:\s{0,3}0(?![.\d]))",
            re.IGNORECASE,
        ),
    ),
)
"""Pairs of kind and pattern, tried in this order."""
