"""The modules behind lab/lab; each says at its top what lives in it."""
