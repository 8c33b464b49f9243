import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_linked_from_the_readme_or_from_the_list_of_decisions() -> None:
    linked = {
        (page.parent / link).resolve()
        for page in (ROOT / "README.md", ROOT / "docs/why.md", ROOT / "docs/decisions/README.md")
        for link in LINK.findall(page.read_text(encoding="utf-8"))
    }
    assert [page for page in PAGES if page.resolve() not in linked | {ROOT / "README.md"}] == []
