"""The worker portal: where people sign in, choose a labeling job, and label in a browser.

All of it is below ``/portal``. A request gets here only after :class:`~..application.Application` has let it in and has
read its body. Pages answer in the person's language; the protocol of the task page is JSON.
"""
