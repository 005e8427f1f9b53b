"""PgBouncer in front of a PostgreSQL of ours, in any pool mode."""

import os

import psycopg

from . import process, wait

SETTINGS = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = {robin}
"""


class PgBouncer:
    """`with PgBouncer(postgres, "transaction") as pool:` … `pool.dsn("shop")`, as user postgres."""

    def __init__(self, postgres, mode, size=20, robin=False):
        self.folder = process.scratch("stocksync-pool-")
        os.chmod(self.folder, 0o755)
        self.port = process.free_port()
        settings = {"host": postgres.sockets, "port": postgres.port, "listen": self.port,
                    "folder": self.folder, "mode": mode, "size": size, "robin": int(robin)}
        self._write("users", '"postgres" ""\n')
        self._config = self._write("pool.ini", SETTINGS.format(**settings))
        self._owner = postgres.owner

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def dsn(self, dbname):
        return f"host=127.0.0.1 port={self.port} dbname={dbname} user=postgres"

    def _answers(self):
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
            return True
        except psycopg.OperationalError:
            return False

    def __enter__(self):
        self.child = process.Child(["pgbouncer", self._config], os.path.join(self.folder, "log"),
                                   cwd="/", user=self._owner)
        wait.until(self._answers, lambda: f"PgBouncer answers; its log:\n{self.child.tail()}",
                   seconds=20)
        return self

    def __exit__(self, *_):
        self.child.stop()
        process.remove(self.folder)
