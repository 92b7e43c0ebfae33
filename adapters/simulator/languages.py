"""What a simulated avatar knows about Avatarbot, in the languages it speaks, and how it says in others that it does not."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from re import Pattern
from types import MappingProxyType


class Topic(StrEnum):
    """What people ask of a demo."""

    SLACK = "slack"
    DISCORD = "discord"
    PRIVACY = "privacy"
    COST = "cost"
    LANGUAGES = "languages"
    STOP = "stop"
    WHAT = "what"
    WHO = "who"
    HELLO = "hello"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _when(pattern: str) -> Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


TOPICS_AT_ONCE = 2

_SET_UP = r"\b(?:set|install|connect|add|use|bring|get|invite|run|have|work|put)\b[^.!?]{{0,60}}\b{0}\b|\b{0}\b[^.!?]{{0,60}}\b(?:set up|install|work)\b"


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """One language: `words` tell it apart, `asked` finds the topic, `answers` know it; `lost` is for everything else."""

    words: frozenset[str]
    asked: Mapping[Topic, Pattern[str]]
    answers: Mapping[Topic, str]
    lost: str = ""

    def topics(self, text: str) -> list[Topic]:
        """What is asked, as far as it is known."""
        return [topic for topic, asked in self.asked.items() if asked.search(text)]

    def answer(self, topics: Sequence[Topic], name: str) -> str:
        """To the first of these that are known; empty when none is."""
        known = [self.answers[topic] for topic in topics if topic in self.answers]
        return " ".join(known[:TOPICS_AT_ONCE]).format(name=name)


SPOKEN: Mapping[str, SpokenLanguage] = MappingProxyType(
    {
        "en": SpokenLanguage(
            _words("the is are you what how who can does do it and to of this in my me"),
            {
                Topic.SLACK: _when(_SET_UP.format("slack")),
                Topic.DISCORD: _when(_SET_UP.format("discord")),
                Topic.PRIVACY: _when(
                    r"\b(?:who can (?:see|read|hear|watch)|privacy|private|recorded|(?:store|keep|save)s? (?:my|our|this|what)|stored|my data)\b"
                ),
                Topic.COST: _when(
                    r"\b(?:how much (?:is|are|do|does)|what (?:do|does|will|would) [^.!?]{1,30} cost|what[^.!?]{1,20} price|"
                    r"costs? (?:money|anything)|pricing|expensive|for free|free of charge|credits?)\b"
                ),
                Topic.LANGUAGES: _when(
                    r"\b(?:(?:which|what) languages?|do you speak|speak (?:german|french|spanish|chinese|japanese))\b"
                ),
                Topic.STOP: _when(r"\bhow (?:do|can) (?:i|we) (?:stop|end|quit|get rid of)\b"),
                Topic.WHAT: _when(
                    r"\b(?:what (?:exactly )?(?:are you|is (?:this|avatarbot|akool))|(?:what|how) does (?:this|avatarbot) (?:do|work))\b"
                ),
            },
            {
                Topic.SLACK: "For Slack you need an AKOOL key and a Slack app. Type avatarbot slack manifest in a terminal, paste what it prints "
                "at api.slack.com, and put the two tokens into a file called .env. Then avatarbot doctor says what is missing, and avatarbot "
                "run brings me to your channels.",
                Topic.DISCORD: "For Discord you need an AKOOL key and a Discord application. Put its token into a file called .env, open the "
                "link that avatarbot discord invite prints, and type avatarbot run. Avatarbot doctor says what is missing.",
                Topic.PRIVACY: "Whoever can read this thread can read what we say, and whoever has a Watch link can watch. It is written down and "
                "deleted after thirty days, or at once with the command forget. In this demo nothing leaves your computer.",
                Topic.COST: "This demo costs nothing: AKOOL is simulated. On your own account a live minute costs AKOOL credits. "
                "I fall asleep when nobody needs me, and slash avatar usage shows what was used.",
                Topic.LANGUAGES: "Here in the demo I speak English, German, French and Spanish. A real AKOOL avatar speaks many more; "
                "slash avatar languages lists them.",
                Topic.STOP: "Press Stop on my card, or write stop in this thread. If you only go away, I fall asleep by myself.",
                Topic.WHAT: "I am {name}, a simulated stand-in for a live AKOOL video avatar. Avatarbot brings such avatars into Slack and "
                "Discord: you write in a thread, the avatar answers aloud, and what it says is written down.",
            },
        ),
        "de": SpokenLanguage(
            _words(
                "ist sind du ihr was wie wer kann kannst das der die und ich bist hier sprichst viel kostet nicht ein eine "
                "hallo guten morgen tag abend moin servus"
            ),
            {
                Topic.SLACK: _when(r"\bslack\b"),
                Topic.DISCORD: _when(r"\bdiscord\b"),
                Topic.PRIVACY: _when(
                    r"\b(?:wer (?:kann|sieht|liest|hört)|datenschutz|privat|gespeichert|meine daten)\b"
                ),
                Topic.COST: _when(r"\b(?:kostet|kosten|preis|teuer|kostenlos|wie viel)\b"),
                Topic.LANGUAGES: _when(r"\b(?:welche sprachen?|sprichst du|sprecht ihr)\b"),
                Topic.STOP: _when(r"\bwie (?:beende|stoppe|schalte)\b"),
                Topic.WHAT: _when(r"\b(?:was (?:bist du|ist (?:das|avatarbot|akool))|wie funktioniert)\b"),
                Topic.WHO: _when(r"\b(?:wer bist du|wie heißt du|dein name)\b"),
                Topic.HELLO: _when(r"^\W*(?:hallo|hi|moin|servus|guten (?:morgen|tag|abend))\b"),
            },
            {
                Topic.SLACK: "Für Slack brauchst du einen AKOOL-Schlüssel und eine Slack-App. Gib im Terminal avatarbot slack manifest ein, füge "
                "die Ausgabe auf api.slack.com ein und schreibe die beiden Tokens in die Datei .env. Dann bringt mich avatarbot run in eure "
                "Kanäle.",
                Topic.DISCORD: "Für Discord brauchst du einen AKOOL-Schlüssel und eine Discord-Anwendung. Ihr Token kommt in die Datei .env, den "
                "Link zum Einladen druckt avatarbot discord invite, und dann geht es los mit avatarbot run.",
                Topic.PRIVACY: "Wer diesen Thread lesen darf, kann mitlesen, und wer einen Link zum Zuschauen hat, kann zusehen. Es wird "
                "aufgeschrieben und nach dreißig Tagen gelöscht. In dieser Demo verlässt nichts deinen Computer.",
                Topic.COST: "Diese Demo kostet nichts, denn AKOOL ist simuliert. Mit eigenem Konto kostet eine Minute Guthaben bei AKOOL. "
                "Wenn mich niemand braucht, schlafe ich ein.",
                Topic.LANGUAGES: "In der Demo spreche ich Englisch, Deutsch, Französisch und Spanisch. Ein echter Avatar von AKOOL kann viel mehr.",
                Topic.STOP: "Drücke Stop auf meiner Karte, oder schreibe stop in diesen Thread.",
                Topic.WHAT: "Ich bin {name}, ein simulierter Ersatz für einen Video-Avatar von AKOOL. Avatarbot bringt solche Avatare nach Slack und "
                "Discord: Ihr schreibt in einem Thread, der Avatar antwortet laut, und es wird mitgeschrieben.",
                Topic.WHO: "Ich heiße {name}. Schön, dass du da bist!",
                Topic.HELLO: "Hallo! Frag mich, was ich bin, was es kostet oder wie ich zu euch nach Slack komme.",
            },
            "Auf Deutsch kann ich hier nur sagen, was ich bin, was es kostet, wer mitliest und wie man mich einrichtet. Auf Englisch kann ich mehr.",
        ),
        "fr": SpokenLanguage(
            _words(
                "est es tu vous que quoi qui comment combien le la les et je suis peut ça cela une un dans quelle quelles ce bonjour salut bonsoir coucou"
            ),
            {
                Topic.SLACK: _when(r"\bslack\b"),
                Topic.DISCORD: _when(r"\bdiscord\b"),
                Topic.PRIVACY: _when(r"\b(?:qui (?:peut|voit|lit)|confidentialité|privé|enregistré|mes données)"),
                Topic.COST: _when(r"\b(?:combien|coûte|coute|prix|cher|gratuit)\b"),
                Topic.LANGUAGES: _when(r"\b(?:quelles? langues?|parles-tu|tu parles|parlez-vous)\b"),
                Topic.STOP: _when(r"\bcomment (?:t'arrêter|arrêter|terminer)\b"),
                Topic.WHAT: _when(
                    r"\b(?:qu'?(?:es-tu|est-ce que (?:c'est|tu es))|c'est quoi|tu es quoi|comment (?:ça marche|ça fonctionne))"
                ),
                Topic.WHO: _when(r"\b(?:qui es-tu|qui êtes-vous|comment tu t'appelles|ton nom)\b"),
                Topic.HELLO: _when(r"^\W*(?:bonjour|salut|bonsoir|coucou)\b"),
            },
            {
                Topic.SLACK: "Pour Slack, il faut une clé AKOOL et une application Slack. Tapez avatarbot slack manifest dans un terminal, collez le "
                "résultat sur api.slack.com, mettez les deux jetons dans un fichier .env, puis lancez avatarbot run.",
                Topic.DISCORD: "Pour Discord, il faut une clé AKOOL et une application Discord. Mettez son jeton dans un fichier .env, ouvrez le lien "
                "qu'affiche avatarbot discord invite, puis lancez avatarbot run.",
                Topic.PRIVACY: "Ceux qui peuvent lire ce fil lisent ce que nous disons, et ceux qui ont un lien peuvent regarder. Tout est effacé après "
                "trente jours. Dans cette démo, rien ne quitte votre ordinateur.",
                Topic.COST: "Cette démo est gratuite, car AKOOL y est simulé. Avec votre propre compte, une minute coûte des crédits AKOOL. "
                "Quand personne n'a besoin de moi, je m'endors.",
                Topic.LANGUAGES: "Dans la démo, je parle anglais, allemand, français et espagnol. Un vrai avatar d'AKOOL en parle beaucoup plus.",
                Topic.STOP: "Appuyez sur Stop sur ma carte, ou écrivez stop dans ce fil.",
                Topic.WHAT: "Je suis {name}, la doublure simulée d'un avatar vidéo d'AKOOL. Avatarbot amène ces avatars dans Slack et Discord : vous "
                "écrivez dans un fil, l'avatar répond à voix haute, et tout est noté.",
                Topic.WHO: "Je m'appelle {name}. C'est un plaisir !",
                Topic.HELLO: "Bonjour ! Demandez-moi ce que je suis, combien ça coûte ou comment m'installer dans Slack.",
            },
            "En français, je sais seulement dire ce que je suis, ce que ça coûte, qui peut lire et comment m'installer. En anglais, j'en sais plus.",
        ),
        "es": SpokenLanguage(
            _words(
                "es eres tú qué que quién cómo cuánto cuesta el la los y yo soy puede esto una un en de cuáles hola buenos buenas"
            ),
            {
                Topic.SLACK: _when(r"\bslack\b"),
                Topic.DISCORD: _when(r"\bdiscord\b"),
                Topic.PRIVACY: _when(r"\b(?:qui[ée]n (?:puede|ve|lee)|privacidad|privado|grabado|mis datos)\b"),
                Topic.COST: _when(r"\b(?:cu[áa]nto (?:cuesta|vale)|precio|caro|gratis)\b"),
                Topic.LANGUAGES: _when(r"\b(?:qu[ée] (?:idiomas?|lenguas?)|hablas)\b"),
                Topic.STOP: _when(r"\bc[óo]mo (?:te (?:paro|detengo)|termino|lo paro)\b"),
                Topic.WHAT: _when(r"\bqu[ée] (?:eres|es (?:esto|avatarbot|akool))\b|\bc[óo]mo funciona"),
                Topic.WHO: _when(r"\b(?:qui[ée]n eres|c[óo]mo te llamas|tu nombre)\b"),
                Topic.HELLO: _when(r"^\W*(?:hola|buen[oa]s)\b"),
            },
            {
                Topic.SLACK: "Para Slack hacen falta una clave de AKOOL y una aplicación de Slack. Escribe avatarbot slack manifest en un terminal, "
                "pega el resultado en api.slack.com, pon los dos tokens en un archivo .env y ejecuta avatarbot run.",
                Topic.DISCORD: "Para Discord hacen falta una clave de AKOOL y una aplicación de Discord. Pon su token en un archivo .env, abre el "
                "enlace que muestra avatarbot discord invite y ejecuta avatarbot run.",
                Topic.PRIVACY: "Quien puede leer este hilo lee lo que decimos, y quien tiene un enlace puede mirar. Todo se borra a los treinta días. En "
                "esta demo nada sale de tu ordenador.",
                Topic.COST: "Esta demo no cuesta nada, porque AKOOL está simulado. Con tu propia cuenta, cada minuto cuesta créditos de AKOOL. "
                "Cuando nadie me necesita, me duermo.",
                Topic.LANGUAGES: "En la demo hablo inglés, alemán, francés y español. Un avatar real de AKOOL habla muchos más.",
                Topic.STOP: "Pulsa Stop en mi tarjeta, o escribe stop en este hilo.",
                Topic.WHAT: "Soy {name}, la versión simulada de un avatar de vídeo de AKOOL. Avatarbot lleva estos avatares a Slack y Discord: tú "
                "escribes en un hilo, el avatar contesta en voz alta y todo queda escrito.",
                Topic.WHO: "Me llamo {name}. ¡Me alegro de verte!",
                Topic.HELLO: "¡Hola! Pregúntame qué soy, cuánto cuesta o cómo llevarme a Slack.",
            },
            "En español solo sé decir qué soy, cuánto cuesta, quién puede leer y cómo instalarme. En inglés sé más.",
        ),
    }
)

NOT_SPOKEN: Mapping[str, str] = MappingProxyType(
    {
        "ar": "في هذا العرض أتحدث الإنجليزية والألمانية والفرنسية والإسبانية فقط.",
        "zh": "在这个演示里，我只会说英语、德语、法语和西班牙语。",
        "cs": "V této ukázce mluvím jen anglicky, německy, francouzsky a španělsky.",
        "da": "I denne demo taler jeg kun engelsk, tysk, fransk og spansk.",
        "nl": "In deze demo spreek ik alleen Engels, Duits, Frans en Spaans.",
        "fi": "Tässä esittelyssä puhun vain englantia, saksaa, ranskaa ja espanjaa.",
        "el": "Σε αυτή την επίδειξη μιλάω μόνο αγγλικά, γερμανικά, γαλλικά και ισπανικά.",
        "hi": "इस डेमो में मैं केवल अंग्रेज़ी, जर्मन, फ़्रेंच और स्पेनिश बोलती हूँ।",
        "id": "Dalam demo ini saya hanya berbicara bahasa Inggris, Jerman, Prancis, dan Spanyol.",
        "it": "In questa demo parlo solo inglese, tedesco, francese e spagnolo.",
        "ja": "このデモでは、英語、ドイツ語、フランス語、スペイン語だけを話します。",
        "ko": "이 데모에서는 영어, 독일어, 프랑스어, 스페인어만 말할 수 있어요.",
        "pl": "W tej wersji demo mówię tylko po angielsku, niemiecku, francusku i hiszpańsku.",
        "pt": "Nesta demonstração, só falo inglês, alemão, francês e espanhol.",
        "sv": "I den här demon talar jag bara engelska, tyska, franska och spanska.",
        "tr": "Bu demoda yalnızca İngilizce, Almanca, Fransızca ve İspanyolca konuşuyorum.",
        "uk": "У цій демонстрації я розмовляю лише англійською, німецькою, французькою та іспанською.",
    }
)
"""By AKOOL's code without its region: every other language that is offered."""

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("uk", re.compile(r"[\u0400-\u04ff]")),
)
_WORD = re.compile(r"[^\W\d_]+")
LOOKED_AT = 400
"""Characters of a text that say what language it is."""


def language_of(text: str, wanted: str | None = None) -> str:
    """The code of a text's language without its region; where the text does not say, the `wanted` one, else English."""
    start = text[:LOOKED_AT]
    for code, script in _SCRIPTS:
        if script.search(start):
            return code
    heard = Counter(_WORD.findall(start.lower()))
    scores = {code: sum(heard[word] for word in language.words) for code, language in SPOKEN.items()}
    best = max(scores, key=scores.__getitem__)
    clear = scores[best] > sorted(scores.values())[-2] and (scores[best] > 1 or wanted is None)
    return best if clear else base(wanted or "en")


def base(code: str) -> str:
    """`zh` of `zh-CN-shandong`."""
    return code.partition("-")[0].lower()
