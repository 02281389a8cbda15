"""Short readable names for sessions, such as `quiet-harbor`."""

import secrets

_ADJECTIVES = """
amber bold brave bright brisk calm clear clever cosmic crisp curious eager gentle glad golden happy
hidden jolly keen kind lively lucky mellow merry mighty misty neat nimble noble patient playful
proud quick quiet royal shiny silent silver smooth snowy steady sunny swift tidy tender vivid warm
wild wise witty
""".split()  # noqa: SIM905 - reads better than a list

_NOUNS = """
anchor aurora badger beacon birch bison brook cabin canyon cedar cloud comet coral crane creek dawn
delta eagle ember falcon fern fjord forest fox garden glacier grove harbor hawk heron island kite
lagoon lake lantern lark maple meadow moon mountain nebula oak ocean orchid otter owl panda pebble
pine planet prairie rabbit reef river robin rocket sailor sparrow spruce star stone summit tiger
valley willow wind wolf wren
""".split()  # noqa: SIM905 - reads better than a list


def make_slug() -> str:
    """Return an adjective and a noun; names may repeat, ids don't."""
    return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}"
