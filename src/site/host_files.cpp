#include "site/host_files.h"

#include <fmt/format.h>

namespace gemel::site {
namespace {

std::vector<std::string> with(std::vector<std::string> list, const std::optional<FloatingAddress>& floating) {
  if (floating) list.push_back(floating->address);
  return list;
}

/// Collects the files of one host; `base` is what every certificate of the host says.
class Collector {
 public:
  Collector(const Site& site, const Host& host) : site_(site), host_(host) {}

  CertificateFiles& add(CertificateUse use, Authority authority, const std::string& file) {
    CertificateRequest request{use,
                               host_.name,
                               {host_.name},
                               host_.addresses(),
                               fmt::format("gemel:{}:{}:{}", site_.name, to_string(use), host_.name)};
    files.certificates.push_back({authority, std::move(request), "pki/" + file + ".crt", "pki/" + file + ".key"});
    return files.certificates.back();
  }
  void add_manager();
  void add_database();
  void add_balancer();
  void add_voter();
  HostFiles files;

 private:
  const Site& site_;
  const Host& host_;
};

void Collector::add_manager() {
  add(CertificateUse::manager, Authority::agent, "manager-agent").owner = manager_user;
  auto& web = add(CertificateUse::web, Authority::web, "web");
  web.owner = manager_user;
  web.request.dns_names.push_back(site_.dns_name);
  // The balancer asks a manager for its host's name and believes the web authority only: that is web.crt. Who asks for
  // a name of this one is a user or an orchestrator.
  auto& shown = add(CertificateUse::web, Authority::web, "mgmtserver");
  shown.owner = manager_user;
  shown.is_for_users = true;
  shown.request.dns_names.push_back(site_.dns_name);
}

void Collector::add_database() {
  auto& server = add(CertificateUse::postgres, Authority::db, "postgres");
  server.request.addresses = with(with(server.request.addresses, site_.vip), site_.vip6);
  add(CertificateUse::replication, Authority::db, "replication").request.common_name = "gemel_replication";
  add(CertificateUse::rewind, Authority::db, "rewind").request.common_name = "gemel_rewind";
  for (const auto secret : {Secret::heartbeat, Secret::replication, Secret::rewind}) files.secrets.push_back({secret});
}

void Collector::add_balancer() {
  auto& balancer = add(CertificateUse::balancer, Authority::web, "mgmtserver");
  balancer.certificate = balancer.key = "pki/mgmtserver.pem";
  balancer.is_for_users = true;
  balancer.request.dns_names.push_back(site_.dns_name);
  files.secrets.push_back({Secret::statistics});
}

void Collector::add_voter() {
  add(CertificateUse::etcd_peer, Authority::etcd, "etcd-peer");
  add(CertificateUse::etcd_server, Authority::etcd, "etcd-server");
}

}  // namespace

std::string to_string(Authority authority) {
  switch (authority) {
    case Authority::agent:
      return "agent";
    case Authority::etcd:
      return "etcd";
    case Authority::db:
      return "db";
    case Authority::web:
      return "web";
  }
  return "";
}

std::string file_name(Secret secret) {
  switch (secret) {
    case Secret::heartbeat:
      return "heartbeat.key";
    case Secret::replication:
      return "replication.password";
    case Secret::rewind:
      return "rewind.password";
    case Secret::application:
      return "application.password";
    case Secret::statistics:
      return "statistics.password";
  }
  return "";
}

HostFiles files_of(const Site& site, const Host& host) {
  Collector collector(site, host);
  const auto& is = host.concepts;
  auto& files = collector.files;
  collector.add(CertificateUse::agent, Authority::agent, "agent");
  if (is.manager) collector.add_manager();
  if (is.database) collector.add_database();
  if (is.balancer) collector.add_balancer();
  if (is.voter) collector.add_voter();
  if (is.voter || is.database) collector.add(CertificateUse::etcd_client, Authority::etcd, "etcd-client");
  // One file even on a host with every role: root may read what belongs to the manager.
  if (is.manager || is.database) files.secrets.push_back({Secret::application, is.manager ? manager_user : root_user});

  files.authorities.push_back(Authority::agent);
  if (is.voter || is.database) files.authorities.push_back(Authority::etcd);
  const bool is_system_trusted = site.external_files && site.external_files->ca.empty();
  if ((is.manager || is.database) && !is_system_trusted) files.authorities.push_back(Authority::db);
  if (is.manager || is.balancer) files.authorities.push_back(Authority::web);
  return files;
}

}  // namespace gemel::site
