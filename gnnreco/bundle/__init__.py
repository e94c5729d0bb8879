"""A trained model as three files that cannot run code; which ones ship, and which serve a detector."""

from .bundle import ANY_DETECTOR, Bundle, check_bundle, load_bundle, load_task, save_bundle
from .change import change_settings
from .engine import load_engine
from .shipped import SHIPPED, default_bundles, find_bundle, list_bundles, purpose_of, shower_bundle

__all__ = [
    "ANY_DETECTOR",
    "SHIPPED",
    "Bundle",
    "change_settings",
    "check_bundle",
    "default_bundles",
    "find_bundle",
    "list_bundles",
    "load_bundle",
    "load_engine",
    "load_task",
    "purpose_of",
    "save_bundle",
    "shower_bundle",
]
