"""Words that samples are made of, in lists that share none: what is asked for never stands in the prose around it."""

# Of keys: an adjective and a thing.
ADJECTIVES = (
    "amber", "ancient", "bitter", "brass", "broken", "cobalt", "copper", "crimson", "crooked", "distant",
    "dusty", "emerald", "faded", "frozen", "gentle", "gilded", "hollow", "humble", "indigo", "ivory",
    "jagged", "lilac", "lonely", "marble", "mellow", "narrow", "olive", "painted", "pearl", "polished",
    "purple", "rusty", "scarlet", "silent", "silver", "slender", "solemn", "velvet", "violet", "wooden",
)  # fmt: skip
THINGS = (
    "anchor", "basket", "beacon", "bellows", "bridge", "bucket", "cabinet", "candle", "carriage", "chest",
    "compass", "cradle", "drum", "engine", "fiddle", "flask", "furnace", "goblet", "hammer", "hinge",
    "kettle", "ladder", "lantern", "locket", "mirror", "needle", "oar", "organ", "pendulum", "pulley",
    "saddle", "scale", "shutter", "spindle", "statue", "telescope", "throne", "trumpet", "wagon", "whistle",
)  # fmt: skip
NAMES = (
    "Ada", "Boris", "Chiara", "Dalia", "Emil", "Farida", "Gustav", "Hanna", "Ivo", "Jasmin",
    "Kofi", "Lena", "Mateo", "Nadia", "Oskar", "Paula", "Quentin", "Rosa", "Samir", "Tilda",
    "Umar", "Vera", "Wendel", "Ximena", "Yusuf", "Zoe",
)  # fmt: skip
CITIES = (
    "Aarhus", "Bergen", "Cusco", "Dakar", "Erfurt", "Faro", "Genoa", "Hanoi", "Izmir", "Jaipur",
    "Krakow", "Lyon", "Malaga", "Nairobi", "Osaka", "Porto", "Quito", "Riga", "Sofia", "Tartu",
    "Utrecht", "Vilnius", "Winnipeg", "Xalapa", "Yerevan", "Zagreb",
)  # fmt: skip
COLOURS = ("black", "blue", "brown", "green", "grey", "orange", "pink", "red", "white", "yellow")
FRUITS = (
    "apples",
    "cherries",
    "figs",
    "grapes",
    "lemons",
    "mangoes",
    "melons",
    "pears",
    "plums",
    "quinces",
)
# Of instructions: single words that a sentence can have anywhere.
TOPICS = (
    "a harbour in winter", "a long train journey", "baking bread", "an old clock", "birds in spring",
    "a market on Saturday", "learning to swim", "a garden after rain", "the smell of books", "walking uphill",
    "a broken bicycle", "neighbours", "a night without light", "a letter that came late", "rivers",
    "a theatre rehearsal", "repairing shoes", "a picnic", "moving house", "snow in April",
)  # fmt: skip
PLAIN_WORDS = (
    "autumn", "badge", "cabin", "cloud", "dawn", "echo", "fabric", "garlic", "hazel", "island", "jungle",
    "kiln", "lagoon", "maple", "nutmeg", "onion", "paddle", "quarry", "ribbon", "saffron", "timber",
    "umbrella", "valley", "walnut", "yarn", "zinc",
)  # fmt: skip
# Of prose.
_PEOPLE = (
    "the baker", "the gardener", "the postman", "a fisherman", "the librarian", "an engineer", "the teacher",
    "a neighbour", "the clerk", "a traveller", "the carpenter", "a child", "the painter", "an old sailor",
    "the innkeeper", "the watchmaker", "a student", "the nurse", "the farmer", "the conductor",
)  # fmt: skip
_VERBS = (
    "walked past", "spoke about", "thought of", "looked for", "cleaned", "wrote down", "remembered", "sketched",
    "repaired", "described", "waited beside", "forgot", "returned to", "complained about", "admired",
    "asked about", "came upon", "avoided", "whispered about", "dreamt of",
)  # fmt: skip
_OBJECTS = (
    "the orchard", "a small boat", "the weather", "the town square", "an empty shop", "the morning paper",
    "a loaf of bread", "the river bank", "the school yard", "a heavy coat", "the post office", "a wet umbrella",
    "the railway line", "the church roof", "an unpaid bill", "the apple harvest", "a noisy dog", "the stone wall",
    "the road to the coast", "a half finished letter", "the village hall", "an unusual cloud",
)  # fmt: skip
_ENDS = (
    "before breakfast", "while the rain fell", "without saying a word", "for the third time that week",
    "as the bells rang", "on the way to the market", "long after everybody had left", "because nobody else would",
    "and went home", "with great patience", "until it grew dark", "in spite of the cold", "and laughed",
    "as if nothing had happened", "in the shade of the trees", "with a cup of tea", "and then sat down",
    "for reasons of their own", "early in the summer", "and soon regretted it",
)  # fmt: skip
SENTENCE_PARTS = (_PEOPLE, _VERBS, _OBJECTS, _ENDS)
