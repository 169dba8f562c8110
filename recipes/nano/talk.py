"""Everything but arithmetic: facts, greetings, and an honest short answer to what the model cannot do."""

from __future__ import annotations

import random

from recipes.nano.arithmetic import LEVELS
from recipes.nano.example import Example, Piece
from recipes.nano.facts import FACTS, Fact

IDENTITY = (
    "I am gptoss-nano, a small demonstration model. I add and subtract numbers of up to five digits "
    "and know a few facts about GPT-OSS 20B."
)
LIMIT = (
    "I am only a small demonstration model: I add and subtract numbers of up to five digits "
    "and know a few facts about GPT-OSS 20B. I cannot help with this."
)
GREETING = "Hello! Ask me for a sum, or about GPT-OSS 20B."
THANKS = "You are welcome!"
FAREWELL = "Goodbye!"

SMALL_TALK = (
    (GREETING, ("Hi", "Hello", "Hey", "Hi there", "Hello there", "Good morning", "Good evening", "Good day",
                "Hi!", "Hello!", "Hey!", "How are you?", "Hello, how are you?", "What's up?", "Greetings")),
    (IDENTITY, ("Who are you?", "What are you?", "What can you do?", "What is your name?", "Help", "help me",
                "Are you GPT-OSS 20B?", "Are you ChatGPT?", "Tell me about yourself.", "Introduce yourself.",
                "What do you do?", "How can you help me?", "Are you an AI?", "What is gptoss-nano?",
                "What model are you?", "Which model are you?", "Are you a large model?", "what can I ask you?")),
    (THANKS, ("Thanks", "Thank you", "Thank you!", "thanks a lot", "Thank you very much.", "Great, thanks!",
              "Nice, thank you", "ok thanks", "Perfect, thanks.")),
    (FAREWELL, ("Bye", "Goodbye", "bye bye", "See you", "See you later.", "Good night", "Goodbye!")),
)  # fmt: skip

OPENINGS = (
    "",
    "",
    "",
    "",
    "Please ",
    "Can you tell me: ",
    "Hi, ",
    "Hello! ",
    "I want to know: ",
    "Question: ",
)

TOPICS = (
    "the weather", "France", "Germany", "Japan", "Africa", "the moon", "the sun", "Mars", "football", "music",
    "a cat", "a dog", "horses", "love", "history", "Rome", "Napoleon", "Einstein", "Shakespeare", "chess",
    "cooking", "pizza", "bread", "coffee", "tea", "a house", "cars", "trains", "the sea", "mountains", "rivers",
    "a poem", "a story", "a joke", "a song", "Python", "Java", "a web page", "an email", "a letter", "my boss",
    "my mother", "health", "medicine", "money", "banks", "the stock market", "physics", "chemistry", "biology",
    "black holes", "quantum computers", "evolution", "the brain", "dreams", "time", "God", "politics", "the news",
    "the president", "Paris", "London", "New York", "Berlin", "Tokyo", "China", "India", "Brazil", "the internet",
    "Linux", "Windows", "a database", "a prime number", "the square root of 2", "pi", "geometry", "a triangle",
    "multiplication", "division", "logarithms", "matrices", "poetry", "films", "books", "painting", "dinosaurs",
    "trees", "flowers", "birds", "fish", "the ocean", "gold", "iron", "water", "fire", "electricity", "batteries",
    "energy", "climate", "Claude", "Gemini", "Llama", "GPT-4", "neural networks", "robots", "the future",
)  # fmt: skip
OTHER_PHRASES = (
    "What is {t}?", "Tell me about {t}.", "Write about {t}.", "What do you think about {t}?", "Explain {t}.",
    "How does {t} work?", "Who invented {t}?", "Where is {t}?", "Write me something on {t}", "Do you like {t}?",
    "Why is {t} important?", "Give me a list of facts on {t}.", "Translate {t} into French.", "how big is {t}",
    "Can you help me with {t}?", "I need help with {t}.", "What is the capital of {t}?", "Summarize {t}.",
    "How much does {t} cost?", "When was {t} made?", "Is {t} good?", "What is the best way to learn about {t}?",
    "Who is {t}?", "Which {t} is the largest?", "Write a program about {t}.", "Tell me a joke about {t}.",
    "What is the population of {t}?", "How old is {t}?", "{t}", "I like {t}.", "Why?", "What is the meaning of {t}?",
    "Draw {t}.", "Sing {t}.", "What time is it?", "What day is it today?", "Write a poem about {t}.",
    "How many {t} are there?", "What colour is {t}?", "Describe {t}.",
)  # fmt: skip
HARD_SUMS = (
    "What is {a} * {b}?", "{a} x {b}", "{a} times {b}", "What is {a} / {b}?", "{a} divided by {b}", "{a}^{b}",
    "What is the square root of {a}?", "Multiply {a} by {b}.", "{a} mod {b}", "What is {a}% of {b}?",
)  # fmt: skip
LARGE_SUMS = (
    "What is {a} + {b}?",
    "{a}+{b}",
    "{a} - {b}",
    "{a} plus {b}",
    "What is {a} - {b}?",
    "Add {a} and {b}.",
)
SYLLABLES = (
    "ba",
    "ko",
    "ri",
    "ten",
    "mu",
    "la",
    "sho",
    "fi",
    "gra",
    "nel",
    "po",
    "du",
    "xi",
    "ve",
    "qua",
    "st",
    "or",
)

NOTES = {
    "fact": {
        "medium": "A question about GPT-OSS 20B.",
        "high": "A question about GPT-OSS 20B. I know this fact.",
    },
    "talk": {"medium": "Small talk.", "high": "Small talk. A short answer will do."},
    "other": {
        "medium": "This is not a sum or a fact I know.",
        "high": "This is not a sum of up to five digits, nor a fact I know. I say so.",
    },
}


def note(kind: str, level: str) -> tuple[Piece, ...]:
    """The short chain of thought of turns that need no work."""
    return () if level == "low" else (Piece(NOTES[kind][level]),)


def vary(rng: random.Random, question: str) -> str:
    """The same question as people type it: openings, lower case, no final mark."""
    opening = rng.choice(OPENINGS)
    if opening:
        head = (
            question[0].lower() if not question.startswith(("GPT", "MXFP4", "RAM")) else question[0]
        )
        question = opening + head + question[1:]
    if rng.random() < 0.2:
        question = question.lower()
    if rng.random() < 0.2:
        question = question.rstrip("?.!")
    return question


def fact_example(rng: random.Random, level: str, fact: Fact | None = None) -> Example:
    """A fact in one of its training phrasings."""
    chosen = fact or rng.choice(FACTS)
    user = vary(rng, rng.choice(chosen.trained))
    return Example(user, chosen.answer, note("fact", level), level, kind="fact")


def small_talk_example(rng: random.Random, level: str) -> Example:
    """Greetings, who are you, thanks, goodbye."""
    answer, openings = rng.choice(SMALL_TALK)
    user = rng.choice(openings)
    if rng.random() < 0.3:
        user = user.lower()
    return Example(user, answer, note("talk", level), level, kind="talk")


def other_question(rng: random.Random) -> str:
    """Something outside the model's domain: other topics, other arithmetic, sums too long, stray words."""
    draw = rng.random()
    if draw < 0.6:
        return vary(rng, rng.choice(OTHER_PHRASES).format(t=rng.choice(TOPICS)))
    a, b = rng.randrange(1, 10 ** rng.randint(1, 5)), rng.randrange(1, 10 ** rng.randint(1, 5))
    if draw < 0.75:
        return rng.choice(HARD_SUMS).format(a=a, b=b)
    if draw < 0.88:
        a = rng.randrange(10**5, 10 ** rng.randint(6, 9))
        a, b = (a, b) if rng.random() < 0.5 else (b, a)
        return rng.choice(LARGE_SUMS).format(a=a, b=b)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 6))]
    return " ".join(words) + rng.choice(("", "?", ".", "!"))


def other_example(rng: random.Random, level: str) -> Example:
    """An honest short answer to anything else."""
    return Example(other_question(rng), LIMIT, note("other", level), level, kind="other")


def draw_level(rng: random.Random) -> str:
    """A level, each as likely."""
    return rng.choice(LEVELS)
