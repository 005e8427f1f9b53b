"""A PostgreSQL cluster of our own, from Debian's binaries, in a directory of its own."""

import glob
import os
import pwd
import signal
import subprocess

import psycopg
from psycopg import sql

from . import process, wait

# Durable as in production (fsync and synchronous_commit stay on); only sizes are small.
SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %u@%d %a ",
    "log_min_duration_statement": "2000",
    "log_lock_waits": "on",
    "deadlock_timeout": "300ms",
}


def _binaries():
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True):
        if folder.split("/")[-2] == "15":
            return folder
    raise RuntimeError("PostgreSQL 15 is missing: /usr/lib/postgresql/15 (package postgresql-15)")


def _owner():
    """Whose process the server is: PostgreSQL refuses to run as root. None: ours."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("running as root, and neither user postgres nor nobody exists")


class Postgres:
    """`with Postgres() as pg:` … `pg.connect("shop")`; superuser `postgres`, no passwords.

    A directory that is given is kept after stop() and can be started again; else a temporary one is
    made and removed.
    """

    def __init__(self, directory=None, settings=None):
        self._binaries = _binaries()
        self._owner = _owner()
        self._temporary = directory is None
        self.directory = directory or process.scratch("stocksync-pg-")
        self.cluster = os.path.join(self.directory, "cluster")
        self.sockets = os.path.join(self.directory, "run")
        self.log = os.path.join(self.directory, "postgres.log")
        self.settings = {**SETTINGS, **(settings or {})}
        self.port = process.free_port()
        self.child = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Makes the cluster if it is not there, starts the server, waits until it answers."""
        try:
            if not os.path.exists(os.path.join(self.cluster, "PG_VERSION")):
                self._make()
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def _make_directories(self):
        for path in (self.sockets, self.cluster):
            os.makedirs(path, exist_ok=True)
            if self._owner:
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def _make(self):
        self._make_directories()
        self._run("initdb", "-D", self.cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", "--no-instructions")

    def _run(self, name, *arguments):
        """One of this version's programs, as the server's user."""
        identity = {}
        if self._owner:
            identity = {"user": self._owner.pw_uid, "group": self._owner.pw_gid,
                        "extra_groups": []}
        done = subprocess.run(
            [self.binary(name), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd="/", text=True, check=False, **identity)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{done.stdout}")

    def _launch(self):
        arguments = [f"{self._binaries}/postgres", "-D", self.cluster, "-p", self.port,
                     "-c", "listen_addresses=127.0.0.1", "-k", self.sockets]
        for name, value in self.settings.items():
            arguments += ["-c", f"{name}={value}"]
        self.child = process.Child(arguments, self.log, cwd="/", user=self._owner,
                                   death=signal.SIGINT)
        wait.until(self._answers, lambda: f"PostgreSQL answers; its log:\n{self.child.tail()}",
                   seconds=60, alive=self._alive)

    def _alive(self):
        if not self.child.running:
            raise RuntimeError(f"PostgreSQL ended at start:\n{self.child.tail()}")

    def _answers(self):
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self, number=signal.SIGINT):
        """Fast shutdown; SIGQUIT is an immediate one, after which the next start recovers."""
        if self.child is not None:
            self.child.stop(number, seconds=60)
            self.child = None
        if self._temporary:
            process.remove(self.directory)

    def pause(self, number=signal.SIGINT):
        """The server goes away; start() brings it back, also on other files."""
        self.child.stop(number, seconds=60)
        self.child = None

    def restart(self, number=signal.SIGINT):
        """Same port, same data; SIGQUIT: as after a crash."""
        self.child.stop(number, seconds=60)
        self._launch()

    def dsn(self, dbname, user="postgres", **more):
        words = {"host": self.sockets, "port": self.port, "dbname": dbname, "user": user, **more}
        return " ".join(f"{name}={value}" for name, value in words.items())

    def connect(self, dbname, user="postgres", autocommit=True, **more):
        return psycopg.connect(self.dsn(dbname, user, **more), autocommit=autocommit)

    @property
    def owner(self):
        """Whose process the server is; None: ours."""
        return self._owner

    def binary(self, name):
        """Path of one of this version's programs: pgbench, pg_dump, …"""
        return os.path.join(self._binaries, name)

    def psql(self, dbname, text):
        """Runs a script; an error in it is a RuntimeError with psql's words."""
        done = subprocess.run(
            [f"{self._binaries}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.sockets,
             "-p", str(self.port), "-U", "postgres", "-d", dbname, "-f", "-"],
            input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.decode(errors='replace')[-4000:]}")

    def create_database(self, name, template="template0"):
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name):
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                sql.Identifier(name)))

    def create_role(self, name, options="LOGIN"):
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(name)))

    def drop_role(self, name):
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    # Histories that break

    @property
    def _address(self):
        return ["-h", self.sockets, "-p", str(self.port), "-U", "postgres"]

    def dump(self, dbname):
        """pg_dump's file of a database, in the server's directory."""
        path = os.path.join(self.sockets, f"{dbname}.dump")
        self._run("pg_dump", *self._address, "-Fc", "-f", path, dbname)
        return path

    def load(self, dbname, dump):
        """Makes the database again from a dump; nobody sees a part of it."""
        self.drop_database(dbname)
        self.create_database(dbname)
        self._run("pg_restore", *self._address, "-d", dbname, "--single-transaction", dump)

    def keep(self):
        """A copy of the cluster's files, for put_back(); the server stands still meanwhile."""
        self.pause()
        path = os.path.join(self.directory, "kept")
        process.copy(self.cluster, path)
        self._launch()
        return path

    def put_back(self, path):
        """The cluster's files are those of the copy; the server is down before and after."""
        process.copy(path, self.cluster)

    def standby(self):
        """A streaming standby that has followed up to now, and was disconnected: it is down.

        It listens where this server does, which has to be down when the standby starts."""
        other = Postgres(settings=self.settings)
        other._make_directories()
        os.chmod(other.cluster, 0o700)
        self._run("pg_basebackup", *self._address, "-D", other.cluster, "-c", "fast", "-R")
        other._launch()
        with self.connect("postgres") as connection:
            here = connection.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
        with other.connect("postgres") as connection:
            wait.until(lambda: connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn",
                                                  (here,)).fetchone()[0], "the standby follows")
        other.pause()
        other.sockets, other.port = self.sockets, self.port
        other.settings = {**self.settings, "primary_conninfo": ""}
        return other

    def promote(self):
        """A standby becomes a server that writes, on a timeline of its own."""
        self._launch()
        with self.connect("postgres") as connection:
            assert connection.execute("SELECT pg_promote(true, 30)").fetchone()[0]

    def position(self):
        """How many bytes of WAL were written in the cluster's life."""
        with self.connect("postgres") as connection:
            return int(connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0])

    def crash_without_writing(self, work):
        """Calls work() while no WAL is written in the background, then crashes and recovers: what
        work() committed asynchronously is lost, unless somebody else's commit wrote it."""
        with self.connect("postgres") as connection:
            writer = connection.execute("SELECT pid FROM pg_stat_activity"
                                        " WHERE backend_type = 'walwriter'").fetchone()[0]
        os.kill(writer, signal.SIGSTOP)
        try:
            work()
        except BaseException:
            os.kill(writer, signal.SIGCONT)
            raise
        self.child.send(signal.SIGQUIT)
        os.kill(writer, signal.SIGKILL)     # continued, it could write first
        self.restart(signal.SIGQUIT)
