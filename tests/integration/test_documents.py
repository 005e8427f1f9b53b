"""Files that describe the programs match them."""

import configparser
import os
import re
import shutil
import subprocess

import pytest

from lab import process, programs


def test_generated_files_are_fresh():
    result = subprocess.run([os.path.join(process.ROOT, "deploy", "generate"),
                             programs.build_folder(), "--check"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_generate_names_a_stale_file(tmp_path):
    deploy = os.path.join(process.ROOT, "deploy")
    copy = tmp_path / "deploy"
    shutil.copytree(deploy, copy)
    shutil.copytree(os.path.join(process.ROOT, "schemas"), tmp_path / "schemas")
    for name in ("docs/metrics.md", "config/stocksync-producer.ini"):
        with open(copy / name, "a", encoding="utf-8") as file:
            file.write("not from the program\n")
    arguments = [copy / "generate", programs.build_folder()]
    result = subprocess.run([*arguments, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    stale = result.stderr.strip().split(": ")[1].split(", ")
    assert sorted(stale) == ["deploy/config/stocksync-producer.ini", "deploy/docs/metrics.md"]
    assert subprocess.run(arguments, check=False).returncode == 0
    assert subprocess.run([*arguments, "--check"], check=False).returncode == 0


def test_metrics_page_has_the_table_of_each_program():
    with open(os.path.join(process.ROOT, "deploy", "docs", "metrics.md"), encoding="utf-8") as file:
        sections = file.read().split("\n## ")[1:]
    assert [text.split("\n")[0] for text in sections] == ["stocksync-producer", "stocksync-consumer"]
    for program, text in zip(("producer", "consumer"), sections):
        result = programs.command(program, "none.ini", "config", "--metrics")
        assert result.code == 0, result.text
        assert text.split("\n", 2)[2].rstrip() == result.out.rstrip()


def readme_options():
    with open(os.path.join(process.ROOT, "README.md"), encoding="utf-8") as file:
        return re.search(r"```ini\n(.*?)```", file.read(), re.S).group(1)


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_options_of_the_readme_are_taken_as_they_stand(program, tmp_path):
    path = tmp_path / "stocksync.ini"
    path.write_text(readme_options(), encoding="utf-8")
    result = programs.command(program, str(path), "config")
    assert result.code == 0, result.text
    shown = configparser.ConfigParser(interpolation=None)
    shown.read_string(result.out)
    assert shown["topic"]["name"] == "odoo.stock.product.v1"
    assert shown["odoo"]["dsn"] == "***"
    if program == "consumer":
        assert shown["store.outlet"]["buffer"] == "2"
        assert shown["store.outlet"]["location.berlin"] == "WH, NO"


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_every_command_has_help(program):
    listing = programs.command(program, "none.ini", "--help")
    assert listing.code == 0
    commands = re.findall(r"(?m)^  ([a-z]+) ", listing.out.split("Commands:")[1].split("\n\n")[0])
    assert {"run", "status", "check", "config"} <= set(commands)
    for command in commands:
        result = programs.command(program, "none.ini", command, "--help")
        assert result.code == 0
        assert result.out.startswith(f"stocksync-{program} {command}: ")
