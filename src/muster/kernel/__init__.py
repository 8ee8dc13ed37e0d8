"""What every part agrees on: ids, clocks, pages, versions, scopes, errors. Nothing else, ever, without a decision record."""
