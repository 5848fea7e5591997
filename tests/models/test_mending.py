"""MLflow's database damaged, of no byte, of a later or an earlier MLflow: mended, or told."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from configs import Settings
from configs.remarks import text
from configs.sqlite_files import damage_of, known_revisions, revision_of
from models.registry import Registry, RegistryError
from models.registry.mending import MIGRATIONS, copy_of, keep_copy


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose registry holds one experiment with a run, and the copy of its database."""
    settings = Settings(tmp_path_factory.mktemp("made"))
    registry = Registry(settings)
    experiment = registry.client.create_experiment("tunis")
    registry.client.create_run(experiment, run_name="train heat")
    keep_copy(registry.database, 5)
    return settings


@pytest.fixture
def home(made: Settings, tmp_path: Path) -> Settings:
    """A copy of it."""
    return Settings(Path(shutil.copytree(made.home, tmp_path / "home")))


def runs(settings: Settings) -> list[str]:
    client = Registry(settings).client
    experiment = client.get_experiment_by_name("tunis")
    return (
        []
        if experiment is None
        else [str(run.info.run_name) for run in client.search_runs([experiment.experiment_id])]
    )


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:65536] = bytes(byte ^ 0xFF for byte in content[8192:65536])
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "pages flipped": flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:100_000]),
    "of no byte": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_bytes(b"not a database" * 1000),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_database_is_mended_by_its_copy_and_kept(home: Settings, name: str) -> None:
    database = home.mlruns / "mlflow.db"
    DAMAGES[name](database)
    content = database.read_bytes()
    registry = Registry(home)
    (message,) = map(text, registry.mended)
    (aside,) = home.mlruns.glob("mlflow.db.damaged-*")
    assert aside.read_bytes() == content
    assert aside.name in message and "its copy was put in its place" in message
    assert runs(home) == ["train heat"]
    assert Registry(home).mended == ()


@pytest.mark.parametrize("name", [name for name in DAMAGES if name != "of no byte"])
def test_without_a_whole_copy_it_is_one_sentence(home: Settings, name: str) -> None:
    database = home.mlruns / "mlflow.db"
    copy_of(database).write_bytes(b"not a database" * 1000)
    DAMAGES[name](database)
    content = database.read_bytes()
    with pytest.raises(RegistryError) as caught:
        Registry(home).client.search_experiments()
    said = str(caught.value)
    assert "no whole copy beside it" in said and "put mlflow.db of a backup there" in said
    assert "\n" not in said and database.read_bytes() == content


def test_a_damaged_database_does_not_take_the_place_of_its_copy(home: Settings) -> None:
    database = home.mlruns / "mlflow.db"
    flipped(database)
    keep_copy(database, 5)
    assert damage_of(copy_of(database), 5) == ""


def test_one_of_a_later_mlflow_is_told_and_left_as_it_is(home: Settings) -> None:
    database = home.mlruns / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    content = database.read_bytes()
    with pytest.raises(RegistryError, match="tables of a later MLflow .*nothing is lost"):
        Registry(home)
    assert database.read_bytes() == content and revision_of(
        copy_of(database), 5
    ) in known_revisions("mlflow", *MIGRATIONS)


@pytest.mark.slow
def test_one_of_an_earlier_mlflow_is_brought_up(tmp_path: Path) -> None:
    """Its tables are made by MLflow's own migrations, all but the newest."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    settings = Settings(tmp_path)
    settings.mlruns.mkdir()
    database = settings.mlruns / "mlflow.db"
    address = f"sqlite:///{database}"
    engine = create_engine(address)
    Base.metadata.create_all(engine)
    config = _get_alembic_config(address)
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    assert head is not None
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(scripts.get_revision(head).down_revision))
    engine.dispose()
    assert revision_of(database, 5) != head
    assert Registry(settings).client.search_experiments()
    assert revision_of(database, 5) == head
    assert revision_of(copy_of(database), 5) != head, "the copy is of before"
