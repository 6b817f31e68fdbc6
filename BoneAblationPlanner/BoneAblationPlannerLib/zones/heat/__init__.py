"""Heat and ice simulated in a patient's own tissues: sources, bioheat, freezing, damage, and what a plan needs of it.

From materials to figures: ``tissue`` and ``tissue_map`` say what each voxel is made of (``medium``); ``applicators``
turn a placed probe into heat or cold (``potential`` for radiofrequency, ``antenna`` for microwaves, ``shaft``);
``bioheat`` and ``ice`` move heat; ``damage`` says what dies; ``simulation`` runs a device's protocol; ``patient`` does
it for the probes of a plan. Lengths in names are mm, everything inside the solvers is SI: W, J, K, m, s.
"""
