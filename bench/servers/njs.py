"""nginx with its own JavaScript module, one worker process; it stores nothing.

https://nginx.org/en/docs/njs/
"""

import os
from pathlib import Path

from bench.message import SECRET

_SCRIPT = Path(__file__).with_name("verify.js")
_CONF = """
load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
env BENCH_SECRET;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  # The script reads a body from memory only.
  client_body_buffer_size 10m;
  client_max_body_size 10m;
  client_body_in_single_buffer on;
  # wrk holds its connections for the whole run.
  keepalive_requests 1000000000;
  js_import verify from {script};
  server {{
    listen 127.0.0.1:{port} reuseport;
    location /webhooks/main {{ js_content verify.receive; }}
  }}
}}
"""


def serve(port: int, folder: Path) -> None:
    """Run it."""
    os.environ["BENCH_SECRET"] = SECRET.decode()
    conf = folder / "nginx.conf"
    conf.write_text(_CONF.format(port=port, script=_SCRIPT))
    os.execvp("nginx", ["nginx", "-p", str(folder), "-c", str(conf), "-e", "stderr"])
