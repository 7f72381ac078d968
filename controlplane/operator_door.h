// Everything that operators ask for and change, behind the control socket. Made by main when the
// shards are there, ended by it before they are. Owner: the main thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/admin/account_commands.h"
#include "controlplane/admin/commands.h"
#include "controlplane/admin/control_socket.h"
#include "controlplane/admin/endpoint_commands.h"
#include "controlplane/admin/gateway_commands.h"
#include "controlplane/admin/record_commands.h"
#include "controlplane/admin/registration_commands.h"
#include "controlplane/admin/route_commands.h"
#include "controlplane/admin/suspension_commands.h"
#include "controlplane/gateway_keeping.h"
#include "controlplane/name_follower.h"
#include "controlplane/provisioning.h"
#include "controlplane/records.h"
#include "controlplane/registration_desk.h"
#include "controlplane/route_keeping.h"

namespace tandem {

class OperatorDoor {
 public:
  // All of it outlives this.
  struct Setup {
    loop::EventLoop& loop;
    const config::Site& site;
    wire::Segment& segment;
    Records& records;
    std::vector<admin::ShardView> views;
    std::vector<admin::RegistrationShard> registrations;
    GatewayKeeping& gateways;
    RouteKeeping& routes;
    RegistrationDesk& desk;
    sip::Resolver& resolver;
    Provisioning* provisioning = nullptr;  // nullptr: nobody registers here
    registrar::Lockout* lockout = nullptr;
  };
  explicit OperatorDoor(Setup setup);
  OperatorDoor(const OperatorDoor&) = delete;
  OperatorDoor& operator=(const OperatorDoor&) = delete;

  // From now on.
  base::Result<void> open(const std::string& socket);

 private:
  void run(const std::string& command, const admin::Json& args, const admin::Answer& answer);
  void follow_changed(const std::vector<config::Gateway>& changed, std::function<void()> then);
  void follow_gone(const std::string& name, std::function<void()> then);
  bool registered(const config::Gateway& gateway) const;

  Setup setup_;
  NameFollower follower_;
  // Each ends its own thread first; the socket, through which they are asked, before all of them.
  admin::Commands commands_;
  admin::RecordCommands records_;
  admin::RegistrationCommands registrations_;
  admin::RouteCommands routes_;
  admin::GatewayCommands gateways_;
  std::optional<admin::AccountCommands> accounts_;
  std::optional<admin::EndpointCommands> endpoints_;
  std::optional<admin::SuspensionCommands> suspensions_;
  admin::ControlSocket socket_;
};

}  // namespace tandem
