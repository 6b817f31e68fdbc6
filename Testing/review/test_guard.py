"""Who may talk to the page. Each test tries one attack against a running review."""

import asyncio
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgpack
import pytest

aiohttp = pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'bone-ablation-planner[standalone]'")


def run(work):
    return asyncio.run(work)


async def get(url, **options):
    """Status, headers and text of one request, redirects not followed."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.request(options.pop("method", "GET"), url, allow_redirects=False, **options) as answer,
    ):
        return answer.status, answer.headers, await answer.text(errors="replace")


def raw(root, text):
    """One request exactly as written; clients tidy paths up before they send them."""
    parts = urlsplit(root)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(text.replace("HOST", parts.netloc).encode())
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return int(answer.split()[1]), answer


def test_it_listens_on_this_machine_only(page):
    port = urlsplit(page.root).port
    table = Path(f"/proc/{page.process.pid}/net/tcp")
    if not table.is_file():
        pytest.skip("needs Linux's table of sockets")
    listening = [line.split()[1] for line in table.read_text().splitlines() if line.split()[3] == "0A"]
    here = [address.split(":")[0] for address in listening if int(address.split(":")[1], 16) == port]
    assert here == ["0100007F"]  # 127.0.0.1 in the kernel's byte order


def test_the_key_opens_the_page_and_nothing_of_it_comes_from_elsewhere(page):
    status, headers, text = run(get(page.address))
    assert status == 200
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "http://" not in text
    assert "https://" not in text


def test_two_reviews_have_two_keys():
    from BoneAblationPlannerLib.review.guard import Guard

    keys = {Guard(str).key for _ in range(50)}
    assert len(keys) == 50
    assert min(len(k) for k in keys) >= 40


@pytest.mark.parametrize(
    "query", ["", "?secret=", "?secret=wslink-secret", "?secret=" + "A" * 43, "?key=x", "?secret=%00"]
)
def test_a_missing_or_wrong_key_is_refused(page, query):
    status, headers, text = run(get(f"{page.root}/{query}"))
    assert status == 403
    assert "Set-Cookie" not in headers
    assert "key is missing or wrong" in text


@pytest.mark.parametrize("path", ["/ws", "/index.html", "/review-page/review.js", "/assets/", "/vue.global.js"])
def test_without_the_key_not_even_the_scripts_are_served(page, path):
    assert run(get(page.root + path))[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://"]
)
def test_another_origin_is_refused_even_with_the_key(page, origin):
    assert run(get(page.address, headers={"Origin": origin}))[0] == 403
    assert run(connect(page, origin=origin)) == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "[::1]", "0.0.0.0"])
def test_another_host_name_is_refused(page, host):
    """A name that an attacker points at 127.0.0.1 later would make his page the same origin."""
    path = page.address.removeprefix(page.root)
    status, _ = raw(page.root, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert status in (400, 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_uploaded(page, method):
    before = sorted(p.name for p in page.folder.iterdir())
    status, _, _ = run(get(page.address, method=method, data=b"x" * 1000))
    assert status == 405
    assert sorted(p.name for p in page.folder.iterdir()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/../plan.json", "/review-page/../../../../../../etc/passwd", "/review-page/%2e%2e/%2e%2e/application.py",
        "/review-page/..%2f..%2fapplication.py", "//etc/passwd", "/review-page//etc/passwd", "/plan.json", "/plan.mrb",
        "/approvals.jsonl", "/review-page/..\\..\\application.py", "/assets/%00", "/review-page/",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_pages_own_files(page, path):
    cookie = run(cookie_of(page))
    request = f"GET {path} HTTP/1.1\r\nHost: HOST\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    status, answer = raw(page.root, request)
    assert status in (400, 403, 404)
    assert b"root:" not in answer
    assert b"bone-plan/1" not in answer
    assert b"Traceback" not in answer


async def cookie_of(page):
    _, headers, _ = await get(page.address)
    return headers["Set-Cookie"].split(";")[0]


async def connect(page, *, cookie=None, origin=None, secret=None):
    """Status of a refused connection, or the answers to hello and to a request for the state."""
    cookie = cookie or await cookie_of(page)
    headers = {"Cookie": cookie, **({"Origin": origin} if origin else {})}
    async with aiohttp.ClientSession() as client:
        try:
            async with client.ws_connect(f"{page.root}/ws".replace("http", "ws"), headers=headers) as socket_:
                answers = []
                for name, values in (("system:hello", [{"secret": secret}]), ("x", [])):
                    method = "wslink.hello" if name.startswith("system") else "trame.state.get"
                    await socket_.send_bytes(
                        header(message := msgpack.packb({"wslink": "1.0", "id": f"{name}:0", "method": method,
                                                         "args": values, "kwargs": {}})) + message
                    )  # fmt: skip
                    answer = await socket_.receive(timeout=20)
                    answers.append(msgpack.unpackb(answer.data[12:], strict_map_key=False))
                return answers
        except aiohttp.WSServerHandshakeError as error:
            return error.status


def header(message):
    """The wire's header of a message in one piece: id, offset, whole length."""
    return b"".join(n.to_bytes(4, "little") for n in (1, 0, len(message)))


def test_a_connection_without_an_origin_or_a_cookie_is_refused(page):
    assert run(connect(page)) == 403
    assert run(connect(page, cookie="bone-plan-review=wrong", origin=page.root)) == 403


def test_a_connection_with_the_wrong_key_learns_nothing(page):
    hello, state = run(connect(page, origin=page.root, secret="wslink-secret"))
    assert hello["error"]["message"] == "Authentication failed"
    assert "Unauthorized" in state["error"]["message"]
    assert "result" not in state


def test_the_right_key_is_let_in(page):
    hello, state = run(connect(page, origin=page.root, secret=page.address.split("=")[1]))
    assert "clientID" in hello["result"]
    assert state["result"]["state"]["stored_name"] == "plan.json"


def test_a_second_browser_is_told_so_and_a_later_one_is_let_in(page):
    async def both():
        cookie = await cookie_of(page)
        headers = {"Cookie": cookie, "Origin": page.root}
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"{page.root}/ws".replace("http", "ws"), headers=headers),
        ):
            second = await get(page.address)
            same = await get(page.address, headers={"Cookie": cookie})
        await asyncio.sleep(0.5)
        return second, same, await get(page.address)

    second, same, later = run(both())
    assert second[0] == 409
    assert "One reviewer at a time" in second[2]
    assert "Set-Cookie" not in second[1]
    assert same[0] == 200
    assert later[0] == 200


def test_a_reload_without_the_key_goes_on_for_the_browser_that_has_been_let_in(page):
    cookie = run(cookie_of(page))
    status, headers, _ = run(get(page.root + "/", headers={"Cookie": cookie}))
    assert status == 302
    assert headers["Location"] == page.address.removeprefix(page.root)
