"""Names of files and folders."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from muster.export.files.names import Named, extension, file_name, folder_name, formatted
from muster.kernel.errors import Invalid
from muster.kernel.scope import Scope

AT = datetime(2030, 12, 30, 17, 4, 9, 7000, tzinfo=UTC)
NAMED = Named(
    destination="Adobe Campaign",
    audience_id="9f7d37fd",
    audience_name="VIP subscriber",
    flow_id="flow-1",
    flow_name="Nightly",
    scope=Scope(1, "dev@AdobeOrg", "id", "prod", "production", True),
    at=AT,
)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (
            "%DESTINATION_NAME%_%SEGMENT_ID%_%DATETIME(YYYYMMdd_HHmmss)%",
            "Adobe Campaign_9f7d37fd_20301230_170409.csv",
        ),
        ("%SEGMENT_NAME%-%TIMESTAMP%", f"VIP subscriber-{int(AT.timestamp())}.csv"),
        ("%DESTINATION_INSTANCE_ID%_%DESTINATION_INSTANCE_NAME%_%SANDBOX_NAME%", "flow-1_Nightly_prod.csv"),
        ("%ORGANIZATION_NAME%_DATETIME(YYYY)", "dev_2030.csv"),
        ("%custom text%_%DATETIME%", "custom text_20301230_170409.csv"),
        ("a/b\\c", "a_b_c.csv"),
    ],
)
def test_macros_are_rendered(template: str, name: str) -> None:
    assert file_name(template, NAMED, ".csv", 1) == name


def test_parts_are_numbered_before_the_extension_from_the_second_on() -> None:
    assert [file_name("x", NAMED, ".csv.gz", part) for part in (1, 2, 3)] == [
        "x.csv.gz",
        "x_2.csv.gz",
        "x_3.csv.gz",
    ]


def test_long_names_keep_their_number_and_extension() -> None:
    name = file_name("é" * 300, NAMED, ".csv", 2)

    assert len(name.encode()) <= 255
    assert name.endswith("é_2.csv")


def test_empty_name_is_refused() -> None:
    with pytest.raises(Invalid):
        file_name("%%", NAMED, ".csv", 1)


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("YYYYMMdd_HHmmss", "20301230_170409"),
        ("yyyymmdd", "20301230"),
        ("MMDDYYYY", "12302030"),
        ("yyyymmddhhmmss", "20301230170409"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2030-12-30 17:04:09.007"),
        ("YY", "30"),
    ],
)
def test_years_are_calendar_years_in_every_spelling(format_: str, text: str) -> None:
    assert formatted(AT, format_) == text


def test_folder_macros_never_make_further_folders() -> None:
    assert folder_name("acme/%SEGMENT_NAME%/%SEGMENT_ID%", NAMED) == "acme/VIP subscriber/9f7d37fd"


@pytest.mark.parametrize(
    ("file_type", "compression", "suffix"),
    [
        ("CSV", "NONE", ".csv"),
        ("CSV", "GZIP", ".csv.gz"),
        ("TAB_DELIMITED", "NONE", ".txt"),
        ("JSON", "GZIP", ".json.gz"),
        ("PARQUET", "GZIP", ".gz.parquet"),
    ],
)
def test_extension_says_what_is_inside(file_type: str, compression: str, suffix: str) -> None:
    assert extension(file_type, compression) == suffix
