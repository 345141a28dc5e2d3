"""A published folder arrives on the hub whole, in one commit, private unless said; what is damaged is never sent."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maze_interp import models
from maze_interp.cli.commands import main
from maze_interp.models import manifest


class Hub(ThreadingHTTPServer):
    """The four calls of the hub that an upload makes, and what they were asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.made: list[dict] = []
        self.commits: list[dict[str, bytes]] = []
        self.cards: list[str] = []
        self.tokens: set[str | None] = set()
        self.refuses = False


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self._tell({"sha": "0" * 40, "id": "me/maze", "siblings": []})

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.add(self.headers["Authorization"])
        if self.server.refuses:
            self._tell({"error": "you shall not"}, 403)
        elif self.path == "/api/validate-yaml":
            self.server.cards.append(json.loads(asked)["content"])
            self._tell({"warnings": [], "errors": []})
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(asked))
            self._tell({"url": f"{self.server.address}/me/maze", "id": "me/maze"})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(asked)["files"]]
            self._tell({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in self.path:
            lines = [json.loads(line) for line in asked.splitlines()]
            files = [line["value"] for line in lines if line["key"] == "file"]
            self.server.commits.append({file["path"]: base64.b64decode(file["content"]) for file in files})
            self._tell({"commitUrl": f"{self.server.address}/me/maze/commit/1", "commitOid": "1" * 40})
        else:
            self._tell({"error": f"what is {self.path}?"}, 404)

    def _tell(self, said: dict, status: int = 200) -> None:
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *given: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Hub()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)  # HF_ENDPOINT, had it been set at first
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def published(tmp_path) -> Path:
    """A folder with a manifest, a file in a folder of it, and a file that came later and is none of it."""
    folder = tmp_path / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "README.md").write_text("# mine\n")
    (folder / "checkpoints" / "step_1.safetensors").write_bytes(bytes(range(256)))
    (folder / "curve[1].txt").write_text("a name that looks like a pattern\n")
    manifest.write(folder)
    (folder / "curve1.txt").write_text("not for others")
    return folder


def test_all_that_the_manifest_names_arrives_and_nothing_else(hub, published):
    address = models.push(published, "me/maze")
    assert address == f"{hub.address}/me/maze"
    (arrived,) = hub.commits
    promised = ["README.md", "checkpoints/step_1.safetensors", "curve[1].txt", "manifest.json"]
    assert arrived == {name: (published / name).read_bytes() for name in promised}
    assert hub.cards == ["# mine\n"]
    assert hub.tokens == {"Bearer hf_mine"}


@pytest.mark.parametrize("public", [False, True])
def test_a_repository_is_private_unless_said(hub, published, public):
    models.push(published, "me/maze", public)
    (made,) = hub.made
    assert made["visibility"] == ("public" if public else "private")


def test_what_is_damaged_is_never_sent(hub, published):
    (published / "README.md").write_text("# mime\n")
    with pytest.raises(ValueError, match=r"README.md is damaged"):
        models.push(published, "me/maze")
    assert not hub.made
    assert not hub.commits


def test_what_lies_elsewhere_is_never_sent(hub, published, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (published / "link.txt").symlink_to(tmp_path / "secret.txt")
    manifest.write(published)
    with pytest.raises(ValueError, match=r"link.txt leads out of the folder"):
        models.push(published, "me/maze")
    assert not hub.made


@pytest.mark.parametrize("name", ["maze", "me/my/maze", "me/..", "me/"])
def test_a_name_that_is_no_repository_is_refused(hub, published, name):
    with pytest.raises(ValueError, match="is no repository"):
        models.push(published, name)
    assert not hub.made


def test_a_refusal_is_told_with_the_hubs_reason(hub, published):
    hub.refuses = True
    with pytest.raises(ConnectionError, match=r"(?s)was not put on the hub as me/maze: .*you shall not"):
        models.push(published, "me/maze")


def test_the_command_line_pushes_a_model_of_the_zoo(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(models, "push", lambda *given: asked.append(given) or "somewhere")
    assert main(["push", "wilson-4x4", "me/maze", "--public"]) == 0
    assert asked == [("wilson-4x4", "me/maze", True)]
    assert capsys.readouterr().out == "somewhere\n"
    assert main(["push", "wilson-4x4", "me/maze", "--seed", "1"]) == 2
    assert "takes no --set" in capsys.readouterr().err
