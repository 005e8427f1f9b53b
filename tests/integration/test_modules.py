"""Modules that speak SQL, by their own test programs, each in an empty database of its own."""

import os
import subprocess

import pytest

from lab import programs


@pytest.mark.parametrize("program", ["test_state_state", "test_state_attempt_store",
                                     "test_state_unimported_store", "test_state_parked_store",
                                     "test_state_parked_list",
                                     "test_state_guard_store", "test_state_catalogue_store", "test_state_verify_store",
                                     "test_state_stream_store",
                                     "test_parents_parents", "test_odoo_marks",
                                     "test_odoo_odoo_version"])
def test_module_against_a_real_database(postgres, number, program):
    name = f"module_{number}"
    postgres.create_database(name)
    try:
        done = subprocess.run(
            [os.path.join(programs.build_folder(), "tests", program)], capture_output=True,
            text=True, check=False, timeout=120,
            env=programs.environment({"STOCKSYNC_TEST_DSN": postgres.dsn(name)}))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "skipped" not in done.stdout + done.stderr
    finally:
        postgres.drop_database(name)
