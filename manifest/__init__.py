"""The Teams app: its manifest, its icons and its languages, and the zip that an administrator uploads."""

from manifest.build import SCHEMA_VERSION, Environment, Unfit, build, languages, localization, pack

__all__ = ["SCHEMA_VERSION", "Environment", "Unfit", "build", "languages", "localization", "pack"]
