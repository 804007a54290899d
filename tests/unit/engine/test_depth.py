"""How many ready tasks a round looks at, after what the last ones found."""

from vidcompute.dispatch.depth import Depth


class Rounds:
    """A depth of four tasks, and a clock that goes on by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.depth = Depth(4, 8.0, clock_s=lambda: self.now_s)

    def until_it_rests(self, *, cut: bool = True) -> tuple[list[int], float | None]:
        """How many tasks each round looks at that places nothing, with room to spare; and when the next one is."""
        found = [self.depth.most]
        while (again_s := self.depth.looked(placed=False, spare=True, cut=cut)) == 0:
            found.append(self.depth.most)
        return found, again_s


def test_where_nothing_is_left_unused_it_stays_as_it_is() -> None:
    rounds = Rounds()
    assert rounds.depth.looked(placed=True, spare=False, cut=True) is None
    assert rounds.depth.looked(placed=False, spare=False, cut=True) is None
    assert rounds.depth.looked(placed=False, spare=True, cut=False) is None
    assert rounds.depth.most == 4


def test_where_there_is_room_for_more_it_looks_again() -> None:
    rounds = Rounds()
    assert rounds.depth.looked(placed=True, spare=True, cut=False) == 0
    assert rounds.depth.most == 4


def test_where_the_first_ones_leave_room_it_looks_further_and_then_rests_for_a_while() -> None:
    rounds = Rounds()
    assert rounds.until_it_rests() == ([4, 16, 64, 256], None)
    rounds.now_s += 3.0
    assert rounds.until_it_rests() == ([4], 5.0)  # something happened: it is not forgotten
    rounds.now_s += 5.0
    assert rounds.until_it_rests() == ([4, 16, 64, 256], None)


def test_the_shorter_the_search_the_shorter_the_rest() -> None:
    rounds = Rounds()
    assert rounds.depth.looked(placed=False, spare=True, cut=True) == 0
    assert rounds.until_it_rests(cut=False) == ([16], None)
    assert rounds.until_it_rests() == ([4], 0.5)


def test_what_it_found_far_behind_makes_it_look_there_again() -> None:
    rounds = Rounds()
    assert rounds.depth.looked(placed=False, spare=True, cut=True) == 0
    assert rounds.depth.looked(placed=True, spare=True, cut=True) == 0
    assert rounds.depth.most == 16
    assert rounds.until_it_rests(cut=False) == ([16], None)
    assert rounds.until_it_rests() == ([4, 16, 64, 256], None)
