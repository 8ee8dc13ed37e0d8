"""Muster: an open, self-hosted customer data platform that speaks the Adobe Experience Platform REST APIs.

The path of a record:

    batch upload ─► ingest ─► lake ─► unify ─► profiles ─► evaluate ─► memberships ─► export ─► dataset
                  (checked rows)   (one profile a person)  (PQL)                   └─► activation ─► files at S3, SFTP

`pipeline` shows which stage hands over to which; `app` builds the parts; `api` and `cli` are the doors.
"""

__version__ = "0.1.0"
