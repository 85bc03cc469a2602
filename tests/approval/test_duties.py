"""Who had a hand in a change: nothing that is added ever removes anybody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.approval.duties import NAMESPACE, Hands, of_accounts, of_commits, of_names
from iacgate.approval.gitcommit import Commit, History
from iacgate.people.roster import Roster, read_roster
from tests.support.approvals import NOW, key_of

MACHINES: list[dict[str, Any]] = [
    {"id": "forge", "platform": True, "emails": ["noreply@forge"], "forge": ["web-flow"]},
    {"id": "renovate", "emails": ["renovate@bots"]},
    {"id": "rebaser", "emails": ["rebaser@bots"], "rewrites": True},
]
PEOPLE = ["ann", "bob", "cleo"]


def roster(**keys: dict[str, str]) -> Roster:
    people = [
        {"id": name, "emails": [f"{name}@x"], "forge": [f"gh-{name}"], **_keys(name, keys.get(name, {}))}
        for name in PEOPLE
    ]
    machines = [{**machine, "kind": "machine", **_keys(machine["id"], {})} for machine in MACHINES]
    return read_roster(msgspec.json.encode({"people": [*people, *machines]}), "people.yaml")


def _keys(name: str, more: dict[str, str]) -> dict[str, Any]:
    return {"keys": [{"key": key_of(name).line, **more}]}


ROSTER = roster()


def commit(author: str = "ann@x", committer: str = "", key: str = "", name: str = "1", **more: Any) -> Commit:
    signed = f"{author} {committer} {name} {more}".encode()
    signature = key_of(key).sign(signed, NAMESPACE).encode().rstrip(b"\n") if key else b""
    fields = {"signature": signature, "signed": signed, **more}
    return Commit(id=name.ljust(40, "0"), author=author, committer=committer or author, **fields)


def hands(*commits: Commit, people: Roster = ROSTER, picked: dict[str, Commit] | None = None, **more: Any) -> Hands:
    return of_commits(History(commits, picked or {}), people, NOW, **more)


def who(found: Hands) -> list[str]:
    return sorted({author.principal for author in found.authors})


def unknown(found: Hands) -> list[str]:
    return [author.why for author in found.authors if not author.principal]


def test_author_committer_and_every_co_author_had_a_hand() -> None:
    found = hands(commit("ANN@X", "bob@x", co_authors=("cleo@x", "renovate@bots")))
    assert who(found) == ["ann", "bob", "cleo", "renovate"]
    assert [(item.principal, item.how, item.why) for item in found.authors] == [
        ("ann", "e-mail", "wrote"),
        ("bob", "e-mail", "committed"),
        ("cleo", "e-mail", "co-author"),
        ("renovate", "e-mail", "co-author"),
    ]


def test_whoever_signed_had_a_hand_whatever_the_e_mail_says() -> None:
    found = hands(commit("ann@x", key="bob"))
    assert who(found) == ["ann", "bob"]
    assert found.authors[-1].said.startswith("SHA256:")
    assert (found.authors[-1].how, found.unsigned) == ("key", ())


@pytest.mark.parametrize("field", ["author", "committer", "co_authors"])
def test_an_e_mail_of_nobody_is_unknown(field: str) -> None:
    found = hands(msgspec.structs.replace(commit(), **{field: ("eve@x",) if field == "co_authors" else "eve@x"}))
    assert "" in who(found)
    assert "nobody in people.yaml is eve@x: add the person" in unknown(found)[0]


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (b"", "it has no signature"),
        (b"-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----", "not SSH's"),
        (b"-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----", "not SSH's"),
        (b"-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----", "counts as none"),
        (commit("bob@x", key="bob").signature, "counts as none: The signature does not verify"),
    ],
)
def test_what_cannot_be_verified_is_not_signed(signature: bytes, why: str) -> None:
    found = hands(msgspec.structs.replace(commit(), signature=signature))
    assert who(found) == ["ann"]
    assert found.unsigned is not None
    assert why in found.unsigned[0].why


def test_a_signature_made_for_another_purpose_is_none() -> None:
    signed = commit()
    other = key_of("bob").sign(signed.signed, "iacgate-approval-v1").encode()
    found = hands(msgspec.structs.replace(signed, signature=other))
    assert (who(found), len(found.unsigned or ())) == (["ann"], 1)


@pytest.mark.parametrize("key", [{"until": "2026-01-01"}, {"since": "2027-01-01"}, {"revoked": "2026-11-01T00:00:00Z"}])
def test_a_key_that_ended_still_shows_a_hand_and_signs_nothing(key: dict[str, str]) -> None:
    found = hands(commit("ann@x", key="bob"), people=roster(bob=key))
    assert who(found) == ["ann", "bob"]
    assert "the key of bob" in (found.unsigned or ())[0].why


def test_a_key_of_nobody_signs_nothing() -> None:
    found = hands(commit("ann@x", key="stranger"))
    assert (who(found), "is nobody's in people.yaml" in (found.unsigned or ())[0].why) == (["ann"], True)


def test_a_platform_is_neutral_where_it_is_shown_to_have_committed() -> None:
    merged = commit("ann@x", "noreply@forge")
    assert who(hands(merged)) == ["ann"]  # as an e-mail is worth
    denied = hands(merged, must_be_signed=True)
    assert (who(denied), len(denied.unsigned or ())) == (["", "ann"], 1)
    assert "nothing shows that the platform forge made it" in unknown(denied)[0]
    for shown in (
        hands(merged, must_be_signed=True, vouched={merged.id}),
        hands(commit("ann@x", "noreply@forge", key="forge"), must_be_signed=True),
    ):
        assert (who(shown), shown.unsigned) == (["ann"], ())
    by_another = hands(commit("ann@x", "noreply@forge", key="bob"), must_be_signed=True)
    assert (who(by_another), by_another.unsigned) == (["", "ann", "bob"], ())


def test_a_platform_hides_nobody() -> None:
    assert who(hands(commit("eve@x", "noreply@forge"))) == [""]
    assert len(unknown(hands(commit("eve@x", "noreply@forge")))) == 2
    found = hands(commit("noreply@forge", "noreply@forge", key="forge"))
    assert (who(found), "is the platform forge" in unknown(found)[0]) == ([""], True)
    assert who(hands(commit(co_authors=("noreply@forge",)))) == ["", "ann"]
    assert [author.principal for author in of_accounts(["web-flow"], ROSTER)] == [""]
    assert [author.principal for author in of_names(["forge", "web-flow", "noreply@forge"], ROSTER)] == [""] * 3


def test_vouching_is_for_what_the_platform_committed() -> None:
    found = hands(commit("ann@x", "bob@x"), vouched={commit().id})
    assert (who(found), len(found.unsigned or ())) == (["ann", "bob"], 1)


def test_a_bot_is_somebody_and_a_human_on_its_branch_too() -> None:
    found = hands(commit("renovate@bots", key="renovate"), commit("bob@x", name="2", key="bob"))
    assert (who(found), found.unsigned) == (["bob", "renovate"], ())


@pytest.mark.parametrize("where", ["author", "committer", "key"])
def test_a_bot_that_rewrites_leaves_a_human_s_name(where: str) -> None:
    def by_bot(author: str, **more: Any) -> Hands:
        bot = "rebaser@bots"
        if where == "author":
            return hands(commit(bot, co_authors=more.pop("co_authors", ()) or ((author,) if author else ()), **more))
        key = "rebaser" if where == "key" else ""
        return hands(commit(author or "renovate@bots", "renovate@bots" if key else bot, key=key, **more))

    assert "" not in who(by_bot("ann@x"))
    dropped = by_bot("")
    assert "" in who(dropped)
    assert "left no human's name" in unknown(dropped)[0]
    assert "" in who(by_bot("renovate@bots"))
    assert "" not in who(by_bot("renovate@bots", co_authors=("cleo@x",)))


def test_the_source_of_a_cherry_pick_is_followed() -> None:
    first, second = "a" * 40, "b" * 40
    sources = {
        first: commit("bob@x", co_authors=("ann@x",), picked_from=(second,)),
        second: commit("ann@x", key="cleo", picked_from=(first,)),
    }
    picked = commit("rebaser@bots", picked_from=(first,))
    assert who(hands(picked, picked=sources)) == ["ann", "bob", "cleo", "rebaser"]
    lost = hands(picked, picked={first: sources[first]})
    assert who(lost) == ["", "ann", "bob", "rebaser"]
    why = f"picked from commit {second}, which is not here: fetch it (git fetch REMOTE COMMIT), or leave that line out"
    assert why in unknown(lost)[0]
    assert who(hands(picked)) == ["", "rebaser"]


def test_who_is_named_is_found_by_id_account_or_e_mail() -> None:
    found = of_names(["ann", "GH-bob", "cleo@X", "eve", "ann"], ROSTER)
    assert [(item.principal, item.how) for item in found] == [
        ("", "e-mail"),
        ("ann", "named"),
        ("bob", "account"),
        ("cleo", "e-mail"),
    ]
    assert [item.principal for item in of_accounts(["gh-ann", "ann", "bob@x"], ROSTER)] == ["", "ann", "bob"]


def test_one_of_the_commits_is_named_whatever_their_order() -> None:
    both = [commit(name="2"), commit(name="1")]
    assert hands(*both).authors == hands(*reversed(both)).authors
    assert {author.commit for author in hands(*both).authors} == {"1" + "0" * 11}


E_MAILS = [f"{name}@x" for name in PEOPLE] + ["eve@x", "noreply@forge", "renovate@bots", "rebaser@bots", ""]
e_mails = st.sampled_from(E_MAILS)
names = st.sampled_from(["c", "d", "e", "f"])
facts = st.fixed_dictionaries(
    {
        "author": e_mails,
        "committer": e_mails,
        "name": names,
        "key": st.sampled_from(["", "ann", "bob", "forge", "rebaser", "stranger"]),
        "co_authors": st.lists(e_mails, max_size=2).map(tuple),
        "picked_from": st.lists(names, max_size=1).map(tuple),
    }
)
commits = st.lists(facts, max_size=4)


def made(every: list[dict[str, Any]]) -> list[Commit]:
    return [commit(**one) for one in every]


@given(commits, facts, st.booleans())
def test_another_commit_never_removes_anybody(every: list[dict[str, Any]], more: dict[str, Any], must: bool) -> None:
    before = hands(*made(every), must_be_signed=must)
    after = hands(*made(every), commit(**more), must_be_signed=must)
    assert set(who(before)) <= set(who(after))
    assert set(before.unsigned or ()) <= set(after.unsigned or ())


@given(commits, st.randoms(use_true_random=False))
def test_order_decides_nothing(every: list[dict[str, Any]], chance: Any) -> None:
    shuffled = made(every)
    chance.shuffle(shuffled)
    assert hands(*shuffled) == hands(*made(every))


@given(facts, e_mails, st.sampled_from(PEOPLE), st.booleans())
def test_a_forged_e_mail_never_removes_the_signer(fact: dict[str, Any], forged: str, key: str, must: bool) -> None:
    for field in ("author", "committer"):
        found = hands(commit(**{**fact, field: forged, "key": key}), must_be_signed=must)
        assert key in who(found)


@given(facts, st.booleans())
def test_whoever_writes_a_commit_is_somebody_or_unknown(fact: dict[str, Any], must: bool) -> None:
    assert who(hands(commit(**fact), must_be_signed=must)) != []


@given(facts, st.lists(e_mails, max_size=3))
def test_another_co_author_never_removes_anybody_known(fact: dict[str, Any], more: list[str]) -> None:
    before = hands(commit(**fact))
    after = hands(commit(**{**fact, "co_authors": (*fact["co_authors"], *more)}))
    assert set(who(before)) - {""} <= set(who(after))
