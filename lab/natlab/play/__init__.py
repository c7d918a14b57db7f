"""A playground: a local cloud with natkeeper deployed, to be broken by hand and watched, until Ctrl-C."""
