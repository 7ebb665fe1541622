"""Write the parts that are made from the code into the pages that have them."""

from tests.docs.pages import PAGES
from tests.reference.pages import filled

for page in PAGES:
    page.path.write_text(filled(page.text), encoding="utf-8")
