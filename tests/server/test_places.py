"""Who gives up a place."""

from __future__ import annotations

import pytest

from gptoss.server.transport.acceptor import origin_of
from gptoss.server.transport.places import Places


class Guest:
    """Waits for its client since some time before now, or does not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waits_since: float | None = None
        self.is_gone = False

    def evict(self) -> None:
        self.is_gone = True


class Clock:
    """What time it is, in `places`."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("gptoss.server.transport.places.time", made)
    return made


def fill(places: Places, clock: Clock, *addresses: str) -> list[Guest]:
    """A guest from each address, a second after each other."""
    guests = [Guest(f"{index} of {address}") for index, address in enumerate(addresses)]
    for guest, address in zip(guests, addresses, strict=True):
        places.enter(guest, address)
        clock.now += 1
    return guests


def gone(guests: list[Guest]) -> list[str]:
    return [guest.name for guest in guests if guest.is_gone]


def test_who_rests_longest(clock: Clock) -> None:
    places = Places(3)
    guests = fill(places, clock, "a", "b", "c")
    assert places.is_full
    places.work(guests[0])
    places.rest(guests[1])
    assert places.make_room("d")
    assert gone(guests) == ["2 of c"]
    assert not places.is_full


def test_the_address_that_has_most(clock: Clock) -> None:
    """Whoever rests longest elsewhere."""
    places = Places(5)
    guests = fill(places, clock, "a", "b", "b", "b", "c")
    for newcomer in ("a", "b", "c", "d"):
        assert places.make_room(newcomer)
    assert gone(guests) == ["0 of a", "1 of b", "2 of b", "3 of b"]
    assert not guests[4].is_gone


def test_those_at_work_count_for_their_address(clock: Clock) -> None:
    places = Places(4)
    guests = fill(places, clock, "a", "b", "b", "b")
    places.work(guests[1])
    places.work(guests[2])
    assert places.make_room("c")
    assert gone(guests) == ["3 of b"]


def test_nobody_at_work_is_evicted(clock: Clock) -> None:
    places = Places(2)
    guests = fill(places, clock, "a", "b")
    for guest in guests:
        places.work(guest)
    clock.now += 1000
    assert not places.make_room("c")
    assert gone(guests) == []


def test_but_who_keeps_the_server_waiting_is(clock: Clock) -> None:
    places = Places(3)
    guests = fill(places, clock, "a", "a", "b")
    for guest in guests:
        places.work(guest)
    guests[1].waits_since = clock.now - 4.9
    guests[2].waits_since = clock.now - 4.9
    # Which is only polite for so long, with all alike.
    assert not places.make_room("a")
    clock.now += 0.2
    assert places.make_room("a")
    assert gone(guests) == ["1 of a"]
    assert places.make_room("a")
    assert gone(guests) == ["1 of a", "2 of b"]


def test_an_address_with_more_than_half_has_no_grace(clock: Clock) -> None:
    places = Places(5)
    guests = fill(places, clock, "a", "a", "a", "b", "b")
    for index, guest in enumerate(guests):
        places.work(guest)
        guest.waits_since = clock.now - 1 + index / 10
    assert not places.make_room("a")
    assert places.make_room("b")
    assert gone(guests) == ["0 of a"]
    # Now it has no more than half.
    assert not places.make_room("b")


def test_some_addresses_together_keep_nobody_out(clock: Clock) -> None:
    """Who has few places is let in by those who have many, as long as these wait for their clients."""
    places = Places(30)
    guests = fill(places, clock, *("a", "b", "c") * 10)
    for guest in guests:
        places.work(guest)
        guest.waits_since = clock.now
    assert places.make_room("d")
    assert len(gone(guests)) == 1
    assert not places.make_room("a")


def test_places_are_given_back(clock: Clock) -> None:
    places = Places(2)
    guests = fill(places, clock, "a", "a")
    for guest in (*guests, guests[0]):
        places.leave(guest)
        places.rest(guest)
        places.work(guest)
    assert not places.is_full
    assert not places.make_room("a")
    assert gone(guests) == []


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        (("192.0.2.7", 5000), "192.0.2.7"),
        (("::1", 5000, 0, 0), "0::/64"),
        (("2001:db8:1:2:3:4:5:6", 5000, 0, 0), "20010db800010002::/64"),
        (("fe80::1%eth0", 5000, 0, 2), "fe80000000000000::/64"),
    ],
)
def test_whom_an_address_stands_for(address: tuple[object, ...], origin: str) -> None:
    assert origin_of(address) == origin
