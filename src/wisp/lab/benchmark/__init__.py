"""Every method of wisp and every peer that is here, on any photos with true alpha: `wisp benchmark`.

Each system works in a process of its own and writes its alphas to files, which `wisp.evaluation` scores as
anybody's; so the figures are those of `wisp evaluate` on the same files. What is done stays done: a run that
was stopped goes on where it was.

    cases.py      a folder of photos, truths and guidance
    systems.py    what is compared, and how each is opened
    worker.py     one system over the photos, in a process of its own
    runs.py       all of them, one after the other; their scores; one result
    pictures.py   small pictures for the report
    reports.py    the result as Markdown and as one HTML page, whose parts lie in page/
"""
