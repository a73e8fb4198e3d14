"""Finds people's names (C21): by the words around them, and by given names that are no other word.

Names cannot all be found by patterns; what is found here is what costs little and is rarely wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from classifier.engine.phrases import word_set

Span = tuple[int, int]

_I: Final = re.IGNORECASE
_MAX_REPEATED: Final = 20
# A few capitals are more often an acronym than a name.
_MAX_ACRONYM_LETTERS: Final = 4
# Shorter given names in small letters are too often parts of other words or of other languages.
_MIN_LOWER_LETTERS: Final = 5

_NAME_WORD: Final = r"[A-ZÀ-ÖØ-ÞŁŚŻŹĆŠČŽĐ][\w'’]{1,24}(?:-[A-ZÀ-ÖØ-ÞŁŚŻŹĆŠČŽĐ][\w'’]{1,24})?"
_PARTICLE: Final = r"(?:van|von|zu|de|der|den|del|la|le|di|da|dos|bin|al|el)"
_FULL_NAME: Final = _NAME_WORD + r"(?:[ ](?:[A-Z]\.|" + _PARTICLE + "|" + _NAME_WORD + r")){0,3}"
_INTRODUCED: Final = re.compile(
    r"\b(?:[Mm]y name is|[Mm]y name's|[Mm]ein Name ist|[Ii]ch heiße|[Jj]e m'appelle|[Mm]e llamo|"
    r"(?<![Ff]ile )(?<![Hh]ost )(?<![Mm]odel )(?<![Tt]est )(?<![Dd]evice )(?<![Ss]erver )(?<![Gg]roup )"
    r"(?<![Pp]roduct )(?<![Pp]rinter )(?<![Cc]omputer )[Nn]ame:|"
    r"(?:[Ff]irst|[Ll]ast|[Mm]aiden|[Ff]ull|[Ff]amily|[Bb]irth)[ -]?name(?: is|'s|[:?]))[ ]{1,6}"
    r"(" + _FULL_NAME + r")"
)
_THIS_IS: Final = re.compile(
    r"\b(?:[Tt]his is|I am|I'm|[Ii]ch bin|[Hh]ier ist)[ ]("
    + _NAME_WORD
    + r"[ ]"
    + _NAME_WORD
    + r")(?=[ ]?(?:from|of|in|at|and|with|,|\.|\(|from|aus|vom|von)(?:\W|$))"
)
_TITLED: Final = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Herrn|Frau|Mme|Sr|Sra)\.?[ ](" + _FULL_NAME + r")"
)
_GREETED: Final = re.compile(
    r"^[ \t]{0,4}(?:Hi|Hello|Hey|Dear|Hallo|Liebe|Lieber|Bonjour|Hola)[ ]("
    + _NAME_WORD
    + r"(?:[ ]"
    + _NAME_WORD
    + r"){0,2})"
    r"[ ]{0,2}(?=[,!:\n]|$)",
    re.MULTILINE,
)
_SIGNED: Final = re.compile(
    r"^[ \t]{0,4}(?:(?:kind|best|warm|many)?[ ]?(?:regards|wishes|thanks|greetings)|thanks(?: a lot| in "
    r"advance)?|thank you|"
    r"sincerely|yours (?:sincerely|truly|faithfully)|cheers|best|mit freundlichen grüßen|(?:viele|beste|"
    r"liebe) grüße|mfg|vg|lg)"
    r"[ ]{0,2}[,.!]?[ ]{0,2}(?:\n[ \t]{0,4}){1,2}((?-i:" + _FULL_NAME + r"))[ \t]{0,4}(?=\n|$|,)",
    re.MULTILINE | _I,
)
_HEADED: Final = re.compile(
    r"^[>| \t]{0,6}(?:From|To|Cc|Von|An|Sent by|Reported by|Requested by|Requester|Caller)[ ]{0,2}:[ ]{0,3}"
    r"(" + _NAME_WORD + r",?[ ]" + _NAME_WORD + r"(?:[ ]" + _NAME_WORD + r")?)(?=[ ]{0,2}(?:[<\[(;\r\n]|$))",
    re.MULTILINE,
)
_RELATED: Final = re.compile(
    r"\b(?:[Mm]y|[Oo]ur|[Hh]is|[Hh]er|[Mm]eine?[mnrs]?|[Uu]nsere?[mnrs]?)[ ](?:colleague|boss|manager|wife|"
    r"husband|partner|son|daughter|mother|father|brother|sister|assistant|co-?worker|supervisor|team lead|"
    r"Kolleg(?:e|en|in)|Chef(?:in)?|Frau|Mann|Sohn|Tochter|Vorgesetzte[rn]?),?[ ](" + _FULL_NAME + r")"
)
_BEHALF: Final = re.compile(
    r"\b(?:on behalf of|in the name of|im Auftrag von|account holder|card ?holder|spoke (?:with|to)|"
    r"talked (?:with|to))(?: is)?[ ]{0,2}:?[ ](" + _NAME_WORD + r"[ ]" + _NAME_WORD + r")"
)
_AROUND: Final = (_INTRODUCED, _THIS_IS, _TITLED, _GREETED, _SIGNED, _HEADED, _RELATED, _BEHALF)

_NOT_NAMES: Final = word_set(
    "support team all sir madam there everyone everybody helpdesk service customer "
    "desk it folks hello sent best "
    "colleagues damen herren zusammen kollegen unable having writing trying getting the a an not"
)
_NOT_SURNAMES: Final = _NOT_NAMES | word_set(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december montag dienstag mittwoch donnerstag freitag samstag sonntag "
    "i we you he she they please can could would is was has have from to and or for in on at with by of "
    "this that these my our your bitte und oder von mit ich wir sie er es thanks thank regards hi dear "
    "street road avenue university hospital airport hotel school college office department"
)

# Given names that are neither common words nor well-known products or places in the languages of tickets.
_GIVEN_NAMES: Final = word_set(
    "aaron abdul abigail adam adrian adriana agnes agnieszka ahmed aidan aisha alan albert alberto "
    "alejandra alejandro aleksander alessandra alessandro alexander alexandra alexandre alfred alfredo "
    "alice alicia alina alison allen allison amanda amelia amira amit amy ana anders andrea andreas andreea "
    "andrei andrej andres andrew andrzej andré angela angelika angelina anita anja anke ann anna annabelle "
    "anne annette annika anthony antoine anton antonio anya arjun arnaud arthur arturo astrid audrey axel "
    "barbara bartosz beata beatrice beatriz ben benedikt benjamin bernard bernd bernhard bethany beverly "
    "birgit birgitte bjorn björn bob boris bradley brandon brenda brian brianna bridget britta brittany "
    "bruno bryan camila camille carina carlos carmen carol carola carolina caroline carolyn carsten "
    "caterina catherine cathy cecilia charlene charles chloe chloé christa christian christiane christina "
    "christine christoph christopher cindy claire clara claudia clemens colin colleen connor constance "
    "cornelia craig cristina cynthia dagmar damian dan daniel daniela danielle danuta dave david deanna "
    "deborah debra deepak denise dennis derek desmond diana diane diego dieter dietmar dimitri dirk dmitri "
    "dmitry dominik dominique donald donna dora doris dorota dorothea dorothy doug douglas duncan edgar "
    "edith eduardo edward eileen elaine eleanor elena eleonora elias elisa elisabeth elizabeth elke ellen "
    "elsa emanuele emilia emilie emily emma emmanuel enrico enrique eric erica erik erika ernst esther "
    "ethan eugene eva evelyn ewa fabian fabio fatima federica federico felicity felipe felix ferdinand "
    "fernando filip fiona florian francesca francesco francisco francois franz franziska françois frederic "
    "frederick frederik friedrich frédéric gabriel gabriela gabriele gabrielle gareth gary geoffrey george "
    "gerald gerard gerhard gertrud gianluca gilbert giovanna giovanni giulia giuseppe gloria gordon graham "
    "gregory greta grzegorz gudrun guido guillaume guillermo gunnar gustav hannah hannelore hans harald "
    "harold harriet harry harvey hassan heather hector heidi heike heiko heinrich heinz helena helene helga "
    "helmut henning henri henrik herbert hermann hilary hilde holger horst howard hugo hélène ian ibrahim "
    "ignacio igor ilona ilse imran ines ingeborg ingo ingrid irena irene irina irmgard isabel isabella "
    "isabelle ivan ivana jacek jacob jacqueline jacques jaime jakob jakub james jamie jana jane janet "
    "janice jasmin jasmine jason javier jean jeanette jeffrey jennifer jenny jeremy jerome jessica jessie "
    "jim joachim joan joanna joanne joao jochen joe johan johann johanna johannes john johnny jonas "
    "jonathan jonathon jorge jose josef josefine joseph josephine joshua josé joyce joão juan judith judy "
    "juergen julian juliana juliane julie julien juliette justin justyna jérôme jürgen kai kamil karen "
    "karin karina karl karolina karsten katarina katarzyna katharina katherine kathleen kathrin kathryn "
    "kathy katie katja katrin kayla keith kelly ken kenneth kerstin kevin kim kimberly klara klaus kristen "
    "kristi kristian kristin kristina kristy krzysztof larissa larry lars laszlo laura lauren laurent "
    "lawrence lea leila lena leo leon leonard leonardo leonie leonor leslie liam lidia liliana lillian "
    "linda linus lisa lorenz lorenzo lorraine louis louise luca lucas lucia luciana lucy ludwig luis luisa "
    "lukas luke lydia lynn maciej madeleine magdalena mahmoud malcolm malgorzata manfred manuel manuela "
    "marc marcel marcela marcin marco marcos marcus marek margaret margarita margit maria marian mariana "
    "marianne marie marina mario marion mariusz marjorie markus marlene martha martin martina martine mary "
    "maryam mateo mateusz mathias mathieu matteo matthew matthias maureen maurice maurizio maximilian "
    "małgorzata meera megan mehmed mehmet melanie melissa mia michael michaela michal michał michel michele "
    "michelle miguel mikael mike mikhail milena miriam mohamed mohammad mohammed mona monica monika monique "
    "muhammad mustafa nadia nadine nancy natalia natalie natascha natasha nathalie nathan neha nicholas "
    "nicola nicolas nicole nikita niklas nikolai nikolaus nils nina noah nora norbert norman nuria oleg "
    "olga oliver olivia olivier omar oscar oskar otto pamela paola paolo patricia patrick patrizia patrycja "
    "paula paulina pavel pawel paweł pedro peggy penelope peter petra philip philipp philippe phillip "
    "phyllis pia pierre piotr priya rachel rafael rahul rainer raj rajesh ralf ramona raquel rebecca "
    "reinhard renata renate ricardo riccardo richard rita robert roberta roberto rodrigo roger roland rolf "
    "ron ronald rosemarie rosemary roswitha roxana rudolf ruth ryan sabine sabrina samantha samir samuel "
    "sandra sanjay sara sarah sascha scott sean sebastian sergei sergey sergio seth shane shannon sharon "
    "sheila shirley siegfried sigrid silke silvia simon simone sofie sonia sonja sonya sophia sophie stacy "
    "stanislav stefan stefania stefanie stella stephan stephanie stephen steve steven stuart sunita susan "
    "susana susanne suzanne svante sven svenja svetlana sylvia sylvie szymon tabea tamara tania tanja "
    "tatiana tatjana ted terence teresa thelma theodor theresa thierry thomas thorsten thérèse tiffany tim "
    "timothy tina tobias todd tom tomas tomasz tony torsten tracy travis trevor tristan udo ulrich ulrika "
    "ulrike ursula uwe valentina valerie vanessa vera veronica veronika vicente vicky victor viktor "
    "viktoria vincent vincenzo virginie vivian vladimir volker waltraud wanda wendy werner wilhelm william "
    "wojciech wolfgang xavier yasmin yusuf yvette yvonne zbigniew zoe zofia zoltan zoë zsofia"
)
_WORD: Final = re.compile(r"(?<![\w@./\\'’-])[^\W\d_]{3,14}(?![\w@/\\]|\.\w|-\d)")
# Names that are words when they stand in small letters.
_WORDS_TOO: Final = word_set("allen christian ernst gloria norman stella wanda heather ruth vera carol")
_FILE_ENDINGS: Final = word_set("jpeg docx xlsx xlsm pptx html json yaml conf toml java text local")
_USER_NAME: Final = re.compile(r"(?<![\w@./\\-])([a-zA-Z]{3,14})[._]([a-zA-Z]{4,20})(?![\w@/\\(=]|[.-]\w)")
_REST: Final = re.compile(
    r"(?:-" + _NAME_WORD + r")?(?:[ ](?:[A-Z]\.?(?!\w)|" + _PARTICLE + r"(?=[ ])|" + _NAME_WORD + r")){0,3}"
)


def find_names(text: str) -> Iterator[Span]:
    """Yield the places of names; the same name without its context again is the same person."""
    names: set[str] = set()
    for start, end in (*_by_context(text), *_by_given_name(text), *_user_names(text)):
        names.add(text[start:end])
        yield start, end
    full = sorted((name for name in names if " " in name), key=len, reverse=True)[:_MAX_REPEATED]
    for name in full:
        yield from _places(text, name)


def _places(text: str, name: str) -> Iterator[Span]:
    """Yield where ``name`` stands as whole words; a pattern made for it would cost more to compile."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            yield start, end
        start = text.find(name, end)


def _by_context(text: str) -> Iterator[Span]:
    for pattern in _AROUND:
        for match in pattern.finditer(text):
            if _reads_like_a_name(match.group(1).split()):
                yield match.span(1)


def _reads_like_a_name(words: list[str]) -> bool:
    """Tell names from products and code: "GeForce GTX", "T4", "LOG_NAME" are none."""
    if any(word.casefold() in _NOT_NAMES or re.search(r"[\d_]", word) for word in words):
        return False
    shouted = [word.isupper() for word in words if len(word) > 1 and word[1] != "."]
    return len(set(shouted)) <= 1


def _by_given_name(text: str) -> Iterator[Span]:
    """A known given name, with the capitalised words after it as the rest of the name."""
    last = 0
    for match in _WORD.finditer(text):
        word = match.group()
        if match.start() < last or word.casefold() not in _GIVEN_NAMES:
            continue
        if word[0].isupper():
            if word.isupper() and len(word) <= _MAX_ACRONYM_LETTERS:
                continue
            last = _end_of_name(text, match.end(), capitals=word.isupper())
        elif not word.islower() or len(word) < _MIN_LOWER_LETTERS or word in _WORDS_TOO:
            continue
        else:
            last = match.end()
        yield match.start(), last


def _user_names(text: str) -> Iterator[Span]:
    """Log-in names made of a given name and another, such as "jane.miller"."""
    for match in _USER_NAME.finditer(text):
        if match.group(1).casefold() in _GIVEN_NAMES and match.group(2).lower() not in _FILE_ENDINGS:
            yield match.span()


def _end_of_name(text: str, start: int, *, capitals: bool) -> int:
    """Return where the name ends whose given part ends at ``start``; an acronym is no surname."""
    rest = _REST.match(text, start)
    end = start
    for part in re.finditer(r"[ -][^ ]+", rest.group() if rest else ""):
        word = part.group()[1:]
        acronym = len(word) > 1 and word.isupper() and not capitals
        if word.casefold() in _NOT_SURNAMES or acronym or any(c.isdigit() or c == "_" for c in word):
            break
        if word[0].isupper():
            end = start + part.start() + len(part.group().removesuffix("'s").removesuffix("’s"))
    return end
