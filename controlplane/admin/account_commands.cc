#include "controlplane/admin/account_commands.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/admin/report_json.h"

namespace tandem::admin {
namespace {

using registrar::Account;
using registrar::AccountBook;
using registrar::AccountWords;

// Never what stands for its password.
Json account_json(const Account& account) {
  return {{"user", account.user},
          {"realm", account.realm},
          {"numbers", account.numbers},
          {"devices", account.devices},
          {"enabled", account.enabled}};
}

base::Result<Json> account_json(const base::Result<Account>& account) {
  if (!account) return base::error(account.error_text());
  return account_json(*account);
}

}  // namespace

bool AccountCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  constexpr std::string_view kImport = "account import ";
  if (command == "account add" || command == "account set" || command == "account del")
    one(command, args, answer);
  else if (command == "account show")
    show(args, answer);
  else if (command.starts_with(kImport))
    import(command.substr(kImport.size()), args, answer);
  else
    return false;
  return true;
}

void AccountCommands::errand(const Answer& answer, Work work) {
  thread_.post([this, answer, work = std::move(work)] {
    book_.tend(base::monotonic_now());
    loop_.post([answer, result = work()] { answer(result); });
  });
}

void AccountCommands::one(const std::string& command, const Json& args, const Answer& answer) {
  const auto words = registrar::account_words(args);
  if (!words) {
    answer(base::error(words.error_text()));
    return;
  }
  errand(answer, [this, command, words = *words] {
    if (command == "account add") return account_json(book_.add(words));
    if (command == "account set") return account_json(book_.set(words));
    return account_json(book_.remove(words));
  });
}

void AccountCommands::show(const Json& args, const Answer& answer) {
  const auto words = registrar::account_words(args);
  if (!words) {
    answer(base::error(words.error_text()));
    return;
  }
  errand(answer, [this, words = *words]() -> base::Result<Json> {
    Json list = Json::array();
    if (!words.user.empty()) {
      auto account = account_json(book_.find(words));
      if (!account) return account;
      list.push_back(*account);
    } else {
      const auto accounts = book_.list(kListed);
      if (!accounts) return base::error(accounts.error_text());
      for (const Account& account : *accounts) list.push_back(account_json(account));
    }
    return Json{{"accounts", std::move(list)}, {"total", table_.size()}};
  });
}

void AccountCommands::import(const std::string& step, const Json& args, const Answer& answer) {
  const auto number = args.value("import", Json(0));
  const auto text = args.value("text", Json(""));
  if (!number.is_number_unsigned() && number != 0) {
    answer(base::error("\"import\" must be the number that account import begin has given"));
    return;
  }
  if (!text.is_string()) {
    answer(base::error("\"text\" must be a text: lines of the file"));
    return;
  }
  const bool keep_going = args.value("keep_going", Json(false)) == true;
  const auto format = args.value("format", Json("csv")) == "json" ? AccountBook::RowFormat::kJson
                                                                  : AccountBook::RowFormat::kCsv;
  errand(answer,
         [=, this, number = number.get<std::uint64_t>(),
          text = text.get<std::string>()]() -> base::Result<Json> {
           const auto done = [this](const base::Result<void>& outcome) -> base::Result<Json> {
             if (!outcome) return base::error(outcome.error_text());
             return Json{{"import", import_}};
           };
           const base::Nanos now = base::monotonic_now();
           if (step == "begin") {
             auto begun = book_.begin_import(format, keep_going, now);
             if (begun) ++import_;
             return done(begun);
           }
           if (number != import_ || number == 0) return base::error("this import is not under way");
           if (step == "rows") return done(book_.import_rows(text, now));
           if (step == "cancel") {
             book_.cancel_import();
             return done({});
           }
           if (step != "finish")
             return base::error(fmt::format("no such command: account import {}", step));
           const auto report = book_.finish_import();
           if (!report) return base::error(report.error_text());
           return report_json(*report);
         });
}

}  // namespace tandem::admin
