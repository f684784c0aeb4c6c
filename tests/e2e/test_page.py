"""The seat-map page behind API Gateway, below the path of its stage."""

import re

import urllib3

from infra.deploy import AppDeployment


def test_the_page_and_all_it_refers_to_are_found_below_the_stage(deployed: AppDeployment) -> None:
    page = urllib3.request("GET", f"{deployed.url}/", headers={"Accept": "text/html,*/*;q=0.8"}, retries=False)
    references = re.findall(r'(?:href|src)="(assets/[^"]+)"', page.data.decode())

    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert len(references) == 4
    for reference in references:
        assert urllib3.request("GET", f"{deployed.url}/{reference}", retries=False).status == 200
