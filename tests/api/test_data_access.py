"""Data Access: what is in a dataset, byte for byte and at a glance."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
from tests.api.client import Api
from tests.api.platform import EXPORT, IMPORT, load, make_dataset, open_batch

ROWS = (
    '{"_id":"1","person":{"gender":"female","birthDate":"1970-01-11","name":{"firstName":"Zoë"}},'
    '"personalEmail":{"primary":true,"address":"zoë@x.io"},'
    '"identities":[{"id":"zoë@x.io","namespace":{"code":"Email"}},{"id":"7","namespace":{"code":"Phone"}}]}\n'
    '{"_id":"2","person":{"gender":"male"},"visits":3}\n'
)


def test_files_of_a_batch_are_listed_and_downloaded(api: Api) -> None:
    batch_id = load(api, make_dataset(api), ROWS)

    listed = api.get(f"{EXPORT}/batches/{batch_id}/files").json()
    assert (listed["_page"], listed["data"][0]["dataSetFileId"]) == (
        {"limit": 100, "count": 1},
        f"{batch_id}-1",
    )
    assert listed["data"][0]["isValid"] is False
    assert isinstance(listed["data"][0]["created"], str)
    href = listed["data"][0]["_links"]["self"]["href"]
    assert href == f"http://cdp.test{EXPORT}/files/{batch_id}-1"

    [file] = api.get(href).json()["data"]
    assert file["name"] == "part-0.parquet"
    answer = api.get(file["_links"]["self"]["href"])
    assert str(len(answer.content)) == file["length"] == answer.headers["Content-Length"]
    assert pq.read_table(io.BytesIO(answer.content)).num_rows == 2


def test_ranges_and_sizes(api: Api) -> None:
    batch_id = load(api, make_dataset(api), ROWS)
    path = f"{EXPORT}/files/{batch_id}-1?path=part-0.parquet"
    whole = api.get(path).content
    size = len(whole)

    head = api.head(path)
    assert (head.headers["Content-Length"], head.headers["Accept-Ranges"]) == (str(size), "bytes")
    part = api.get(path, headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, whole[4:10])
    assert (part.headers["Content-Range"], part.headers["Content-Length"]) == (f"bytes 4-9/{size}", "6")
    assert api.get(path, headers={"Range": "bytes=-4"}).content == b"PAR1"
    assert api.get(path, headers={"Range": f"bytes={size - 4}-{size + 99}"}).content == b"PAR1"
    assert api.get(f"{path}&range=bytes=0-3").content == b"PAR1"
    assert api.get(path, headers={"Range": "lines=1-2"}).status_code == 200
    assert api.get(path, headers={"Range": f"bytes={size}-"}).status_code == 416


def test_preview_is_flat_text(api: Api) -> None:
    dataset_id = make_dataset(api)
    load(api, dataset_id, '{"_id":"older"}')
    load(api, dataset_id, ROWS)
    load(api, dataset_id, "{")

    rows = api.get(f"{EXPORT}/datasets/{dataset_id}/preview").json()["data"]
    assert rows == [
        {
            "_id": "1",
            "person_gender": "female",
            "person_birthDate": "10",
            "person_name_firstName": "Zoë",
            "personalEmail_primary": "true",
            "personalEmail_address": "zoë@x.io",
            "identities_list_element_id": "zoë@x.io",
            "identities_list_element_namespace_code": "Email",
        },
        {"_id": "2", "person_gender": "male", "visits": "3"},
    ]


def test_preview_holds_the_first_hundred_rows_of_a_new_dataset_none(api: Api) -> None:
    dataset_id = make_dataset(api)
    path = f"{EXPORT}/datasets/{dataset_id}/preview"
    assert api.get(path).json() == {"data": []}
    load(api, dataset_id, "\n".join(json.dumps({"_id": str(number)}) for number in range(150)))
    assert [row["_id"] for row in api.get(path).json()["data"]] == [str(number) for number in range(100)]
    assert api.get(f"{EXPORT}/datasets/nothing/preview").status_code == 404


def test_rows_that_are_not_visible_have_no_files(api: Api) -> None:
    dataset_id = make_dataset(api)
    for batch_id in (open_batch(api, dataset_id), load(api, dataset_id, "{")):
        assert api.get(f"{EXPORT}/batches/{batch_id}/files").json()["data"] == []
        assert api.get(f"{EXPORT}/files/{batch_id}-1").status_code == 404
    reverted = load(api, dataset_id, ROWS)
    api.post(f"{IMPORT}/batches/{reverted}?action=REVERT")
    assert api.get(f"{EXPORT}/files/{reverted}-1?path=part-0.parquet").status_code == 404


def test_input_files_are_paged(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = open_batch(api, dataset_id)
    for name in ("a.json", "b.json", "c.json"):
        path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset_id}/files/{name}"
        api.put(path, content=b"{}")
    meta = f"{EXPORT}/batches/{batch_id}/meta?path=input_files"
    page = api.get(f"{meta}&limit=2").json()
    assert [file["name"] for file in page["data"]] == ["a.json", "b.json"]
    rest = api.get(page["_links"]["next"]["href"]).json()
    assert ([file["name"] for file in rest["data"]], "_links" in rest) == (["c.json"], False)
    assert api.get(rest["data"][0]["_links"]["self"]["href"]).json() == {"name": "c.json", "length": "2"}
    assert api.get(f"{meta}&limit=0").status_code == 400


def test_files_stay_in_their_sandbox(api: Api) -> None:
    dataset_id = make_dataset(api)
    batch_id = load(api, dataset_id, ROWS)
    paths = (
        f"batches/{batch_id}/files",
        f"files/{batch_id}-1",
        f"datasets/{dataset_id}/preview",
        f"batches/{batch_id}/meta",
    )
    for path in paths:
        assert api.get(f"{EXPORT}/{path}", sandbox="dev").status_code == 404
