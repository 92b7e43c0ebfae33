"""Who watches, counted over pages and processes."""

from bot.web.viewer.presence import Presence
from bot.web.viewer.wire import Audience


class Told(list[Audience]):
    """What somebody in an audience was told."""

    def __call__(self, audience: Audience) -> None:
        self.append(audience)


def test_who_watches_in_two_windows_counts_once() -> None:
    presence, ann, again, ben = Presence(), Told(), Told(), Told()
    with presence.present("s", "U1", "Ann", ann), presence.present("s", "U1", "Ann", again):
        with presence.present("s", "l2", "", ben):
            assert ann[-1] == again[-1] == ben[-1] == Audience(2, ("Ann",))
        assert ann[-1] == Audience(1, ("Ann",))
    assert not presence._present


def test_a_process_stands_for_its_people() -> None:
    presence, page, process = Presence(), Told(), Told()
    with presence.present("s", "U1", "Ann", page), presence.standing_for("s", process) as stand:
        stand({"U1": "Ann", "U2": "Ben"})
        assert page[-1] == process[-1] == Audience(2, ("Ann", "Ben"))
        stand({})
        assert page[-1] == Audience(1, ("Ann",))


def test_another_process_sums_and_ones_own_count_is_not_shown() -> None:
    presence, ann, reported = Presence(), Told(), list[dict[str, str]]()
    with presence.present("s", "U1", "Ann", ann):
        with presence.summed_by("s", lambda people: reported.append(dict(people))) as tell:
            with presence.present("s", "U2", "Ben", Told()):
                pass
            assert reported == [{"U1": "Ann"}, {"U1": "Ann", "U2": "Ben"}, {"U1": "Ann"}]
            assert ann == [Audience(1, ("Ann",))]
            tell(Audience(7, ("Ann", "Zoe")))
            assert ann[-1] == Audience(7, ("Ann", "Zoe"))
        assert ann[-1] == Audience(1, ("Ann",))
