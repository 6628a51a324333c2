"""Every error of the configuration.

ConfigError
+-- PresetError         a preset is malformed, or no market could make it fire
|   +-- StaleVersionError   it was changed by somebody else meanwhile
+-- SettingsError       a setting is missing, unknown or out of its bounds
+-- SecretError         a secret is missing, empty or too short
"""


class ConfigError(ValueError):
    """The root: something that was chosen cannot be used."""


class PresetError(ConfigError):
    """A preset is malformed, or no market could ever make it fire."""


class StaleVersionError(PresetError):
    """The version that was edited is not the newest any more."""


class SettingsError(ConfigError):
    """A setting is missing, unknown or out of its bounds."""


class SecretError(ConfigError):
    """A secret is missing, empty or too short."""
