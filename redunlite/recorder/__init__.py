"""The recorder: what a run leaves behind, as rows of one SQLite file through Peewee."""
