"""The WSGI application, for `paybox-center run` and for any other server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "center.settings")

application = get_wsgi_application()
