"""Command-line options read off the stages' dataclasses, so that an option is written down once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from fmnist_viz.core.errors import UsageError

PANELS = {
    "DataConfig": "Data",
    "FitConfig": "Training",
    "TransferConfig": "Frozen base (vgg19)",
    "ReproduceConfig": "Training",
    "SweepConfig": "Training",
    "ModelFileConfig": "Model",
    "BroughtConfig": "Vectors and predictions made elsewhere",
    "ComputeConfig": "Computing",
    "FeatureConfig": "Layers and images",
    "MapConfig": "Maps",
    "AxisConfig": "Maps",
    "DossierConfig": "Confusions",
    "HumanConfig": "Confusions",
    "ViewConfig": "Views",
}


ALIASES = {("ModelFileConfig", "model_file"): ("model",)}  # other names that an option answers to


def help_of(field: dataclasses.Field[Any]) -> str:
    """A field's help as one sentence, with its unit."""
    text = field.metadata["help"].rstrip(".")
    unit = field.metadata.get("unit")
    return text + (f" ({unit})." if unit else ".")


def takes(*configs: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command every field of the dataclasses as an option, and hand it the finished dataclasses by class name.

    The wrapped function declares `**configs` (a dict of class name -> instance) beside its own options.
    """

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        hints = get_type_hints(command, include_extras=True)
        parameters = [p.replace(annotation=hints.get(p.name, p.annotation), kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        for config in configs:
            types = get_type_hints(config)
            for f in dataclasses.fields(config):
                flags = ["--" + name.replace("_", "-") for name in (f.name, *ALIASES.get((config.__name__, f.name), ()))]
                kind = list[str] if types[f.name] == tuple[str, ...] else types[f.name]
                annotation = Annotated[
                    kind, typer.Option(*flags, help=help_of(f), rich_help_panel=PANELS[config.__name__], show_default=f.default not in ("", ()))  # type: ignore[valid-type, name-defined]
                ]
                parameters.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=annotation))

        @functools.wraps(command)
        def run(**values: Any) -> Any:
            made = {config.__name__: config(**{f.name: values.pop(f.name) for f in dataclasses.fields(config)}) for config in configs}
            return command(**values, **made)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        del run.__wrapped__  # type: ignore[attr-defined]
        return run

    return wrap


# TOML knows what a value is; click would cut 2.5 epochs down to 2 and take a list for a text
_TOML_KINDS: dict[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
    str: ("a text in quotes", (str,)),
    tuple: ("a list of texts in quotes", (list,)),
}


def read_config(context: typer.Context, path: str) -> str:
    """The eager `--config`: its values become defaults, flags still win."""
    if path:
        from fmnist_viz.core.config import read_toml

        names = {parameter.name for parameter in context.command.params} - {"config", "out", "fresh", "overwrite", "debug", "help", "trust_model", "resume"}
        values = read_toml(path, names)
        kinds = {parameter.name: type(parameter.default) for parameter in context.command.params}
        for name, value in values.items():
            wanted, types = _TOML_KINDS.get(kinds[name], ("", (object,)))
            if not isinstance(value, types) or (isinstance(value, bool) and kinds[name] is not bool):
                raise UsageError("CONFIG-VALUE", f"{path}: {name} = {value!r}", f"is not {wanted}", "Mend that line; a run's own config.toml is a good model.")
        context.default_map = {**(context.default_map or {}), **values}
    return path


Config = Annotated[
    str,
    typer.Option(
        "--config",
        help="A TOML file with settings, such as a run's own config.toml; flags win over it.",
        is_eager=True,
        callback=read_config,
        show_default=False,
    ),
]
Out = Annotated[str, typer.Option("--out", help="Run folder; by default projector_logs/<model>-<8 digits of the configuration's digest>.", show_default=False)]
CacheDir = Annotated[str, typer.Option("--cache-dir", help="Cache shared by all runs; by default the user's cache folder.", show_default=False)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Make everything anew: no finished run and nothing cached is used.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with this very training where it was interrupted; the weights end as if it never had been.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace another run's own files in --out; foreign files are never touched.")]
TrustModel = Annotated[
    bool, typer.Option("--trust-model", help="Open a model file that is not made of built-in layers alone: code that it brings along may run.")
]
