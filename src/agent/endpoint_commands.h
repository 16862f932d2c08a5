// What an operator may ask of this host's agent: POST /switchover, /pause, /resume, /force. Who may, what the body must
// say; whether it is done is decided by core. Private to the endpoint.
#pragma once

#include <map>
#include <string>

#include "agent/endpoint.h"

namespace gemel::agent {

using Command = runtime::HttpResponse (*)(const EndpointSource&, const runtime::HttpRequest&, const runtime::Peer&);

/// By path. Each answers at once: 200 or 202 when accepted, 400 for a bad body, 403 for the wrong certificate, 409 with
/// the refusing reason.
const std::map<std::string, Command>& commands();

}  // namespace gemel::agent
