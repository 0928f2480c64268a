import random

from simulators.crash.images import DiskModel, Image, sectors
from simulators.crash.tape import Create, Delete, Operation, Sync, SyncFailed, Truncate, Write


def disk(*operations: Operation, holding: Image | None = None) -> DiskModel:
    model = DiskModel.holding(holding or {"x": b""})
    for operation in operations:
        model.do(operation)
    return model


def test_what_was_synced_is_certain_and_the_rest_is_not() -> None:
    model = disk(Write("x", 0, b"old"), Sync("x"), Write("x", 0, b"new"))
    assert model.everything() == {"x": b"new"}
    assert list(model.only_certain()) == [{"x": b"old"}]


def test_a_sync_is_for_its_own_file_only() -> None:
    model = disk(Write("x", 0, b"1"), Write("y", 0, b"1"), Sync("y"), holding={"x": b"", "y": b""})
    assert list(model.only_certain()) == [{"x": b"", "y": b"1"}]


def test_a_name_may_be_late_until_the_directory_is_synced() -> None:
    created = (Create("w"), Write("w", 0, b"1"), Sync("w"))
    assert list(disk(*created).only_certain()) == [{"x": b""}, {"x": b"", "w": b"1"}]
    assert list(disk(*created).late_names()) == [{"x": b""}]
    synced = disk(*created, Sync("w", directory=True))
    assert list(synced.only_certain()) == [{"x": b"", "w": b"1"}]
    assert list(synced.late_names()) == []


def test_a_deleted_file_may_come_back_with_what_was_certain() -> None:
    held = {"x": b"", "j": b"before"}
    model = disk(Delete("j", synced=False), holding=held)
    assert list(model.late_names()) == [held]
    assert list(disk(Delete("j", synced=True), holding=held).only_certain()) == [{"x": b""}]


def test_a_file_made_anew_under_an_old_name_is_another_file() -> None:
    model = disk(Delete("j", synced=False), Create("j"), holding={"j": b"before"})
    assert list(model.only_certain()) == [{"j": b"before"}, {}, {"j": b""}]


def test_a_write_is_torn_where_sectors_meet() -> None:
    write = Write("x", 500, b"a" * 12 + b"b" * 512 + b"c" * 4)
    assert [(part.offset, len(part.data)) for part in sectors(write)] == [
        (500, 12),
        (512, 512),
        (1024, 4),
    ]
    torn = [image["x"][500:] for image in disk(write).torn()]
    assert b"a" * 12 in torn
    assert bytes(12) + b"b" * 512 + b"c" * 4 in torn


def test_a_truncation_is_lost_or_kept() -> None:
    model = disk(Truncate("x", 1), holding={"x": b"long"})
    assert model.everything() == {"x": b"l"}
    assert list(model.only_certain()) == [{"x": b"long"}]


def test_subsets_mix_old_and_new_sectors() -> None:
    model = disk(Write("x", 0, b"n" * 2048), holding={"x": b"o" * 2048})
    choice = random.Random(1)
    found = {model.subset(choice)["x"] for _ in range(200)}
    assert len(found) == 2**4
    assert all(
        {content[i : i + 512] for i in range(0, 2048, 512)} <= {b"o" * 512, b"n" * 512}
        for content in found
    )


def test_what_a_failed_sync_lost_never_becomes_certain() -> None:
    model = disk(Write("x", 0, b"1"), SyncFailed("x"), Write("x", 1, b"2"), Sync("x"))
    assert list(model.only_certain()) == [{"x": b"\0" + b"2"}]
