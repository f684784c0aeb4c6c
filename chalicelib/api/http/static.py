"""Pages and files for browsers: the files of chalicelib/web/<part>/ at /assets/{part}/{file}, and each part's page.

All files are text, because API Gateway sends binary files to most browsers as base64. So icons are SVG, and there are
no fonts.
"""

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import aws_lambda_powertools
from chalice.app import Blueprint, NotFoundError, Request, Response

from chalicelib import wiring
from chalicelib.api.wire import bodies

from .answers import authorized_rate_limited_and_answered

routes = Blueprint(__name__)

WEB = Path(__file__).parents[2] / "web"
SWAGGER_UI = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"
"""The folder of Swagger UI, which the page /docs uses. Powertools contains it, so our repository needs no copy, and the
page loads no file from another site."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
"""The content types by suffix. Files with another suffix are not served, except for one: the index.html of a part of
the site, such as the gate. It is served as the page of that part."""

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE_ALWAYS = "no-cache"
"""Cache-Control of files that may change. A browser keeps such a file, and before each use asks whether it has changed;
the answer 304 says that it has not."""
SHARED_FOR_A_SECOND = "public, max-age=0, s-maxage=1"
"""Cache-Control of an answer that is the same for everybody, and may be a second old. A CDN gives a stored answer for a
second; a browser asks again each time."""

SERVICE_WORKERS: Mapping[tuple[str, str], str] = {("gate", "worker.js"): "../../gate"}
"""The service workers, by folder and file. Each with its scope: the page that it may serve offline, relative to its own
address. The scope is sent as the header Service-Worker-Allowed. Without it, a worker may serve only files beside it."""

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
REFERRER_HEADER = {"Referrer-Policy": "no-referrer"}

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

Headers = dict[str, str | list[str]]

_REFERENCE = re.compile(r"""(?<=["'])assets/([\w-]+)/([\w.-]+)(?=["'])""")


@dataclass(frozen=True)
class VersionedText:
    """A text to be served, with its content type. `version` is a hash of the text, which is used as its ETag."""

    body: str
    content_type: str

    @cached_property
    def version(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()[:16]


@routes.route("/assets/{part}/{file}", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_asset(request: Request, part: str, file: str) -> Response:
    asset = _asset(part, file)
    query: Mapping[str, str] = request.query_params or {}
    is_fresh = query.get("v") == asset.version
    response = text_or_not_modified(request, asset, IMMUTABLE if is_fresh else REVALIDATE_ALWAYS)
    if page_kept := SERVICE_WORKERS.get((part, file)):
        response.headers["Service-Worker-Allowed"] = page_kept
    return response


def page_or_redirect_to_canonical(
    request: Request, folder: str, placeholders: Mapping[str, str] = NO_SETTINGS, **csp_overrides: str
) -> Response:
    """Answers with the index.html of a folder of chalicelib/web, or redirects to the page's canonical address.

    The page refers to its files by relative addresses, assets/<folder>/<file>. These work below a stage's path, such as
    /prod, but only if the page was requested at its canonical address. `placeholders` has the values for each {name} in
    the page. `csp_overrides` replace directives of the Content-Security-Policy, such as style_src="'self'
    'unsafe-inline'".
    """
    if (elsewhere := _where_references_hit(request)) is not None:
        return _moved(elsewhere)
    policy = CONTENT_SECURITY_POLICY | {name.replace("_", "-"): value for name, value in csp_overrides.items()}
    response = text_or_not_modified(request, _page(folder, **placeholders), REVALIDATE_ALWAYS)
    response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
    return response


def page_with_sign_in_or_redirect_to_canonical(
    request: Request, folder: str, placeholders: Mapping[str, str] = NO_SETTINGS, live_url: str = ""
) -> Response:
    """Answers like `page_or_redirect_to_canonical`, with a page on which people can sign in.

    The page's Content-Security-Policy lets it connect to the identity provider and to `live_url`. Besides
    `placeholders`, the page gets the settings for sign-in and the time zone.
    """
    sign_in = _sign_in_settings()
    elsewhere = (_origin_of(live_url), _origin_of(sign_in["sign_in_url"]))
    known = {"time_zone": wiring.settings().time_zone, **placeholders, **sign_in}
    return page_or_redirect_to_canonical(
        request, folder, known, connect_src=" ".join(filter(None, ("'self'", *elsewhere)))
    )


def _sign_in_settings() -> dict[str, str]:
    """Gives the page's settings for sign-in. Their values are empty if access control is off."""
    ours = wiring.settings()
    return {
        "sign_in_url": ours.auth_sign_in_url if ours.auth else "",
        "client_id": html.escape(ours.auth_client_id) if ours.auth else "",
    }


def _origin_of(url: str) -> str:
    """Gives the origin of an address, wss://host:port; empty for an empty address."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""


def json_text(answer: Any) -> VersionedText:
    """Encodes an answer as JSON, to be served by `text_or_not_modified`."""
    return VersionedText(bodies.encoded(answer), TYPES[".json"])


def text_or_not_modified(request: Request, text: VersionedText, cache_control: str) -> Response:
    """Answers with the text, or with 304 if the request's If-None-Match has the text's ETag."""
    tag = f'"{text.version}"'
    headers: Headers = {
        "ETag": tag,
        "Cache-Control": cache_control,
        "Content-Type": text.content_type,
        **REFERRER_HEADER,
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response("", status_code=304, headers=headers)
    return Response(text.body, headers=headers)


@cache
def _assets() -> Mapping[tuple[str, str], Path]:
    """Lists the files that are served, by part and name. A request can get no other file."""
    ours = {(path.parent.name, path.name): path for path in WEB.glob("*/*")}
    viewer = {("docs", path.name): path for path in SWAGGER_UI.glob("*.min.*")}
    return {name: path for name, path in (ours | viewer).items() if path.suffix in TYPES}


@cache
def _asset(part: str, file: str) -> VersionedText:
    """Reads a file. Raises NotFoundError for one that is not among the assets."""
    if (path := _assets().get((part, file))) is None:
        raise NotFoundError
    return VersionedText(path.read_text(encoding="utf-8"), TYPES[path.suffix])


@cache
def _page(part: str, **settings: str) -> VersionedText:
    """Reads the page of a part of the site, and fills in the settings. Adds `?v=…` to each reference: the version of
    the file that it refers to.

    So a browser loads a changed file, although the file's old version is cached for ever.
    """
    text = (WEB / part / "index.html").read_text(encoding="utf-8")
    for name, value in settings.items():
        text = text.replace(f"{{{name}}}", value)
    versioned = _REFERENCE.sub(lambda found: f"{found[0]}?v={_asset(found[1], found[2]).version}", text)
    return VersionedText(versioned, "text/html; charset=utf-8")


def _where_references_hit(request: Request) -> str | None:
    """Gives the page's canonical address as a path that is relative to the requested address: if /docs/ was requested,
    ../docs. None if the canonical address itself was requested.

    The path in the request's context is complete: it includes the stage, or the base path of the domain. On AWS a
    request for /prod is redirected to /prod/. An emulator's root path always ends with a slash already.
    """
    path, is_root = str(request.context.get("path", "")), request.context.get("resourcePath") == "/"
    if not path or path.endswith("/") == is_root:
        return None
    name = path.rstrip("/").rpartition("/")[2]
    return f"./{name}/" if is_root else f"../{name}"


def _moved(location: str) -> Response:
    headers: Headers = {"Location": location, "Cache-Control": REVALIDATE_ALWAYS, "Content-Type": TYPES[".txt"]}
    return Response("", status_code=308, headers=headers)
