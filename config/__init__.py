"""What can be chosen: engine settings and trading presets."""
