"""Writes the committed files that are made from the code's tables and folders: `python -m infra.cloud.generate`.

The deployed templates (infra/cloud/snapshots), so that a review shows a change's effect on them;
docs/settings.md, docs/logs.md and .env.example; the tables of DynamoDB's tables, consumers, alarms and stores in docs/;
the list of doors in chalicelib/wiring/__init__.py.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chalicelib.domain.consumers import CONSUMERS, EVERY_EVENT, Consumer
from chalicelib.domain.people.stores import STORES, Store, StoreKind
from chalicelib.infrastructure.dynamodb.tables import TABLES, TableDefinition
from chalicelib.settings import DEPLOYMENT, EVERY_FUNCTION, PARAMETER, SETTINGS, STACK, STAGE, Setting
from infra.processes import ROOT

from . import data_template
from .dependencies import BUILD, PackagingError
from .deploying.parameters import APP_SETTINGS, DATA_SETTINGS, app_parameters, data_parameters
from .markdown import between, filled, table
from .package import package
from .tables import table_resources
from .templates import Template, dump, load_long_forms
from .watching.documents import logs_document, table_of_alarms

COMMAND = ".venv/bin/python -m infra.cloud.generate"
SNAPSHOTS = Path(__file__).parent / "snapshots"
APP_SNAPSHOT = SNAPSHOTS / "app-prod.yaml"
SNAPSHOT_STAGE = "prod"
WIRING = ROOT / "chalicelib" / "wiring"

SAID_BY = {
    PARAMETER: "`make deploy`",
    DEPLOYMENT: "the deployment, which makes it once for a stage",
    STACK: "the template",
    STAGE: "`.chalice/config.json`",
}


def made() -> dict[Path, str]:
    """Makes the text of each file, except the snapshot of the functions' stack: that needs the package."""
    return {
        SNAPSHOTS / "data.yaml": _with_note(dump(data_template.template())),
        ROOT / ".env.example": _env_example(),
        ROOT / "docs" / "settings.md": _settings_document(),
        **_filled("architecture.md", {"tables": _table_of_tables(), "consumers": _table_of_consumers()}),
        ROOT / "docs" / "logs.md": logs_document(COMMAND),
        **_filled("operations.md", {"alarms": table_of_alarms()}),
        **_filled("privacy.md", {"stores": _table_of_stores()}),
        WIRING / "__init__.py": _wiring_with_doors(),
    }


def app_snapshot(packaged: Path) -> str:
    """Makes the snapshot of a packaged template. Leaves out the Python that packaged it, and each operation's body."""
    template = load_long_forms(packaged)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Runtime"] = "python"
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    paths.update({path: " ".join(sorted(operations)) for path, operations in paths.items()})
    return _with_note(dump(template))


def _with_note(text: str) -> str:
    return f"# Made by `{COMMAND}`: change the tables and templates, not this file.\n{text}"


# Between markers in documents


def _filled(name: str, made_tables: Mapping[str, str]) -> dict[Path, str]:
    document = ROOT / "docs" / name
    text = document.read_text()
    for name_of_table, made_table in made_tables.items():
        text = filled(document, text, name_of_table, COMMAND, made_table)
    return {document: text}


def _table_of_tables() -> str:
    """Makes the table of DynamoDB's tables. The docstring of a table's model says what its items are."""
    resources = table_resources()
    rows = (_row_of_table(one, resources[one.logical_id]["Properties"]) for one in TABLES)
    return table(("table", "key", "item"), rows)


def _row_of_table(definition: TableDefinition, properties: Template) -> tuple[str, str, str]:
    keys = ", ".join(f"`{key['AttributeName']}`" for key in properties["KeySchema"])
    return f"`cinema-{{stage}}-{definition.name}`", keys, _items_text(definition, properties)


def _items_text(definition: TableDefinition, properties: Template) -> str:
    """Gives the docstring of a model, with its indexes and its expiry where the docstring has nothing about them."""
    text = " ".join((definition.model.__doc__ or "").split())
    of_both_kinds = (*properties.get("GlobalSecondaryIndexes", ()), *properties.get("LocalSecondaryIndexes", ()))
    indexes = [f"`{index['IndexName']}`" for index in of_both_kinds]
    further = [f"Index {index}." for index in indexes if index not in text]
    if "TimeToLiveSpecification" in properties and "ttl" not in text.lower():
        further.append("TTL deletes the item.")
    return " ".join([text, *further])


def _table_of_consumers() -> str:
    rows = (
        (
            f"`{one.queue}`",
            one.purpose,
            _events_heard_text(one),
            f"`{one.handler}`",
            _pace_text(one),
            _queues_text(one.sends_to),
        )
        for one in CONSUMERS
    )
    return table(("queue", "what its consumer does", "takes", "function", "at once", "sends to"), rows)


def _table_of_stores() -> str:
    """Makes the table of stores. Those of which the same is to be said share a row."""
    names: dict[tuple[StoreKind, tuple[str, ...]], list[str]] = {}
    for one in STORES:
        names.setdefault((one.kind, (one.holds, one.lasts, _erasure_text(one))), []).append(one.name)
    rows = ((_places_text(kind, shared), *cells) for (kind, cells), shared in names.items())
    return table(("where", "what it has of people", "for how long", "an erasure"), rows)


def _places_text(kind: StoreKind, names: Sequence[str]) -> str:
    if kind is StoreKind.OTHER:
        return ", ".join(names)
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(f'`{name}`' for name in names)}"


def _erasure_text(store: Store) -> str:
    return f"{store.at_erasure.value}: {store.why}" if store.why else store.at_erasure.value


def _events_heard_text(consumer: Consumer) -> str:
    if consumer.hears == EVERY_EVENT:
        return "every event"
    return ", ".join(f"`{kind}`" for kind in consumer.hears) or consumer.takes


def _pace_text(consumer: Consumer) -> str:
    return f"{consumer.batch_size} messages, {consumer.max_concurrency} batches"


def _queues_text(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# Doors


def _wiring_with_doors() -> str:
    """Fills the list of doors into the wiring's text: the modules of its folder, and those of queues/."""
    text = (WIRING / "__init__.py").read_text()
    names, of_queues = _module_names(WIRING), _module_names(WIRING / "queues")
    paths = {name: f".{name}" for name in names} | {name: f".queues.{name}" for name in of_queues}
    doors = "".join(f'    "{name}": "{path}",\n' for name, path in sorted(paths.items()))
    imports = f"{_imports_text('.', names)}{_imports_text('.queues', of_queues)}"
    return between(
        text, DOORS_BEGIN, DOORS_END, DOORS_TEXT.format(imports=imports, doors=doors), WIRING / "__init__.py"
    )


def _module_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


def _imports_text(package: str, names: Sequence[str]) -> str:
    lines = "".join(f"        {name},\n" for name in names)
    return f"    from {package} import (  # noqa: F401 - for type checkers; __getattr__ loads them\n{lines}    )\n"


DOORS_BEGIN, DOORS_END = f"# Doors: made by {COMMAND}", "# End of doors"
DOORS_TEXT = """\
if TYPE_CHECKING:
{imports}
DOORS = {{
{doors}}}
\"\"\"The doors, each with its module. An imported door is kept in this module's globals.\"\"\""""


# Settings


def _settings_document() -> str:
    rows = (
        (f"`{one.name}`", _values_text(one), f"{one.purpose}.", _place_of_setting_text(one), _users_text(one))
        for one in SETTINGS.values()
    )
    of_functions = table(("variable", "default", "what it is for", "deployed by", "given to"), rows)
    further = {**data_parameters(), **app_parameters()}
    more = (
        (f"`{variable}`", _code(str(further[name].get("Default", ""))), f"{further[name]['Description']}.")
        for name, variable in _only_of_deployments().items()
    )
    only = table(("variable", "default", "what it is for"), more)
    return SETTINGS_DOCUMENT.format(command=COMMAND, of_functions=of_functions, only=only)


SETTINGS_DOCUMENT = """\
# Settings

<!-- Made by {command} from chalicelib/settings.py, infra/cloud/app.yaml, stateful.yaml and user_pool.yaml. -->

Each is a variable of the environment; what is empty counts as not set. `make run` reads them, and so does
`make deploy`, as [operations.md](operations.md) says. [.env.example](../.env.example) has those of the application.

## Of the application

{of_functions}

In a default, `{{stage}}`, `{{table_prefix}}` and `{{region}}` stand for those of the process.

## Of a deployment alone

{only}
"""


def _only_of_deployments() -> dict[str, str]:
    known = {one.name for one in SETTINGS.values()}
    return {name: variable for name, variable in {**DATA_SETTINGS, **APP_SETTINGS}.items() if variable not in known}


def _place_of_setting_text(setting: Setting) -> str:
    return f"{SAID_BY.get(setting.deployed_by, '')}{', into SSM' if setting.secret else ''}"


def _values_text(setting: Setting) -> str:
    default = _code(setting.default)
    if setting.local_default is not None:
        known = "one that everybody knows" if setting.secret else _code(setting.local_default)
        default = f"{default or 'none'}; on one's own machine {known}"
    return f"{default} ({_range_text(setting)})" if _range_text(setting) else default


def _range_text(setting: Setting) -> str:
    if setting.bounds:
        return "{} to {}".format(*setting.bounds)
    return " or ".join(setting.choices)


def _users_text(setting: Setting) -> str:
    if not setting.deployed_by:
        return "none"
    return "every function" if setting.given_to == EVERY_FUNCTION else ", ".join(f"`{one}`" for one in setting.given_to)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _env_example() -> str:
    parts = [
        f"# Made by `{COMMAND}` from chalicelib/settings.py.",
        "# Copy what you need to .env, and read it into a shell: set -a; . ./.env; set +a; make run",
    ]
    for one in SETTINGS.values():
        default = one.default if one.local_default is None or one.secret else one.local_default
        value = "" if "{" in default else shlex.quote(default) if default else ""
        possible = f" ({_range_text(one)})" if _range_text(one) else ""
        parts.append(f"\n# {one.purpose}{possible}\n#{one.name}={value}")
    return "\n".join(parts) + "\n"


def _stale(files: Mapping[Path, str]) -> list[Path]:
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


def main() -> None:
    """Writes the files that differ from the tables, and names them."""
    try:
        packaged = package(SNAPSHOT_STAGE, BUILD / SNAPSHOT_STAGE).template
    except PackagingError as failure:
        sys.exit(str(failure))
    files = {**made(), APP_SNAPSHOT: app_snapshot(packaged)}
    for path in _stale(files):
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path])
        print(f"{path.relative_to(ROOT)} is new")


if __name__ == "__main__":
    main()
