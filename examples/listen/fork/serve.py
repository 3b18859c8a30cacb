"""One process for each connection, on the listening socket at fd 3."""
import http.server
import os
import socket
import socketserver


class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    def server_bind(self):  # bound and listening already
        self.socket.close()
        self.socket = socket.socket(fileno=3)

    def server_activate(self):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.client_address[0]} {os.getpid()}\n".encode())

    def log_message(self, *args):
        pass


Server(None, Handler).serve_forever()
