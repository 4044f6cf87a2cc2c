"""nginx with the site that README.md recommends, docs/deploy/nginx.conf, without privileges and on free ports."""

import contextlib
import datetime
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.deadlines import DEADLINE, wait_until

SITE = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "nginx.conf"
# Debian has it where the path of an unprivileged account does not lead.
BINARY = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
NO_NGINX = "no nginx on this machine: apt-get install nginx-light"
# The account that nginx runs as when the tests run as root; no file of ours belongs to it.
NOBODY = 65534
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/html html; }}
    include {folder}/tradepost.conf;
}}
"""


class Nginx:
    """A running nginx. url: of the site; plain_url: of what leads there; tls: trusts its certificate."""

    def __init__(self, folder: Path, servers: list[str]) -> None:
        self.folder = folder
        port, plain_port = free_port(), free_port()
        self.url, self.plain_url = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain_port}"
        make_certificate(folder)
        self.tls = ssl.create_default_context(cafile=folder / "fullchain.pem")
        text = SITE.read_text(encoding="utf-8")
        for found, wanted in {
            r"    listen 80;": f"    listen 127.0.0.1:{plain_port};",
            r"    listen 443 ssl http2;": f"    listen 127.0.0.1:{port} ssl http2;",
            r"    listen \[::\]:80;": "",
            r"    listen \[::\]:443 ssl http2;": "",
            r"/etc/letsencrypt/live/shop\.example\.com": str(folder),
            r"/var/log/nginx/tradepost\.log": f"{folder}/access.log",
            # With the options that the file gives it.
            r"    server 127\.0\.0\.1:8000( [^;]+;)": "".join(f"    server {server}\\1" for server in servers),
        }.items():
            text, count = re.subn(found, wanted, text)
            assert count, f"{SITE.name} no longer has {found}"
        (folder / "tradepost.conf").write_text(text, encoding="utf-8")
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder), encoding="utf-8")
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)

    def start(self) -> None:
        command = [str(BINARY), "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]
        account = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, **account)  # type: ignore[call-overload]
        assert tested.returncode == 0, tested.stderr
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **account)  # type: ignore[call-overload]
        wait_until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.errors()
        host, port = self.url.partition("://")[2].split(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), DEADLINE):
            return True
        return False

    def reload(self) -> None:
        """Read the configuration again: new processes take new connections, and the old ones keep theirs until these end."""
        before = self.errors().count("start worker process ")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.errors().count("start worker process ") > before or self.new_workers())

    def new_workers(self) -> bool:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return not children.exists() or len(children.read_text().split()) > 1

    def errors(self) -> str:
        log = self.folder / "error.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def stop(self) -> None:
        # SIGTERM closes connections; SIGQUIT would wait for the streams.
        self.process.terminate()
        self.process.wait(DEADLINE)


@contextlib.contextmanager
def nginx_before(folder: Path, servers: list[str]) -> Iterator[Nginx]:
    """nginx in front of servers, each of which is HOST:PORT."""
    folder.mkdir(mode=0o755)
    nginx = Nginx(folder, servers)
    nginx.start()
    yield nginx
    nginx.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def make_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that nobody but these tests trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    kind = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, kind, serialization.NoEncryption()))
