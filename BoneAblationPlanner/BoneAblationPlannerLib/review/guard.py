"""Who may talk to the page: the one reviewer with the key, from this machine, and nobody else.

Every request passes here before anything is served. What is refused gets a status and one sentence, never a file.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlsplit

KEY_NAME = "secret"
"""The name under which the page's own client looks for its key in the address."""
_COOKIE = "bone-plan-review"
_LOCAL_NAMES = ("127.0.0.1", "localhost")
_HANDOVER_S = 3.0
_BUSY = "Another browser is reviewing this plan. One reviewer at a time: close that page, then load this one again."
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:;"
    " font-src 'self'; connect-src 'self' ws://{host}; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)

# aiohttp comes with the extra `standalone`: imported when the page is served, so its types are not named here.
Request = Any
Response = Any
Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Guard:
    """Checks host, origin, key and session of every request; one live connection at a time."""

    index: Callable[[], str]
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _sessions: set[str] = field(default_factory=set)
    _holder: str | None = None
    _connection: "asyncio.Task[Any] | None" = None
    refused: int = 0

    def address(self, port: int) -> str:
        """The address to open, with the key."""
        return f"http://127.0.0.1:{port}/?{KEY_NAME}={self.key}"

    @property
    def occupied(self) -> bool:
        """Whether a reviewer is connected."""
        return self._connection is not None

    def middleware(self) -> Any:
        """The check as aiohttp wants it."""
        from aiohttp import web

        @web.middleware
        async def check(request: Request, handler: Handler) -> Response:
            refusal = self._refusal(request)
            if refusal is None and request.path == "/ws":
                return await self._connect(request, handler)
            if refusal is None and request.path in ("/", "/index.html"):
                return self._with_headers(request, self._open_page(request))
            if refusal is not None:
                self.refused += 1
                return self._with_headers(request, refusal)
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = _page(error.status, "No such page.")
            return self._with_headers(request, response)

        return check

    def _refusal(self, request: Request) -> Response | None:
        port = request.url.port
        host = urlsplit(f"//{request.headers.get('Host', '')}")
        if host.hostname not in _LOCAL_NAMES or not _is_local(request.remote):
            return _page(403, "This page answers only on this machine.")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in [f"http://{name}:{port}" for name in _LOCAL_NAMES]:
            return _page(403, "Another page tried to use the review. Refused.")
        if request.method not in ("GET", "HEAD"):
            return _page(405, "The review takes no uploads.")
        if request.path == "/ws" and origin is None:
            return _page(403, "The connection came from no page. Refused.")
        if request.path in ("/", "/index.html"):
            given = request.query.get(KEY_NAME)
            if given is None and self._is_known(request):
                return None  # the client takes the key out of the address; this is a reload
            if not hmac.compare_digest((given or "").encode(), self.key.encode()):
                return _page(403, "The key is missing or wrong. Open the whole address that the terminal printed.")
        elif not self._is_known(request):
            return _page(403, "Open the address that the terminal printed first.")
        return None

    def _is_known(self, request: Request) -> bool:
        return request.cookies.get(_COOKIE) in self._sessions

    def _open_page(self, request: Request) -> Response:
        from aiohttp import web

        session = request.cookies[_COOKIE] if self._is_known(request) else secrets.token_urlsafe(32)
        if self.occupied and session != self._holder:
            self.refused += 1
            return _page(409, _BUSY)
        if KEY_NAME not in request.query:
            response = web.Response(status=302, headers={"Location": f"/?{KEY_NAME}={self.key}"})
        else:
            response = web.Response(text=self.index(), content_type="text/html")
        self._sessions.add(session)
        response.set_cookie(_COOKIE, session, httponly=True, samesite="Strict", path="/")
        return response

    async def _connect(self, request: Request, handler: Handler) -> Response:
        """Let one connection in; the same browser's newer page takes over from its older one."""
        session = request.cookies[_COOKIE]
        if self.occupied and session != self._holder:
            self.refused += 1
            return _page(409, _BUSY)
        older = self._connection
        if older is not None:
            older.cancel()
            await asyncio.wait([older], timeout=_HANDOVER_S)
        task = asyncio.ensure_future(handler(request))
        self._holder, self._connection = session, task
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            if task.cancelled() or task is not self._connection:
                return _page(409, "The review goes on in a newer page.")
            raise
        finally:
            if self._connection is task:
                self._holder, self._connection = None, None

    def _with_headers(self, request: Request, response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY.format(host=request.headers.get("Host", ""))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.path in ("/", "/index.html"):
            response.headers["Cache-Control"] = "no-store"
        return response


def _is_local(remote: str | None) -> bool:
    return remote is not None and (remote.startswith("127.") or remote == "::1")


def _page(status: int, sentence: str) -> Response:
    from aiohttp import web

    text = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Plan review</title></head>'
        '<body style="background:#15181b;color:#e6e6e6;font:18px system-ui,sans-serif;padding:4em">'
        f"<p>{escape(sentence)}</p></body></html>"
    )
    return web.Response(status=status, text=text, content_type="text/html")
