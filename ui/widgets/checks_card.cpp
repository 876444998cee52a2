#include "ui/widgets/checks_card.h"

#include "ui/session/words.h"
#include "ui/theme/theme.h"

#include <QClipboard>
#include <QGridLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

namespace ui {

ChecksCard::ChecksCard(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 12, 0, 8);
    layout->setSpacing(8);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(16, 0, 16, 0);
    head->addWidget(makeLabel(tr("This workstation"), "title", "workstationTitleLabel", this));
    head->addStretch();
    m_count = makeLabel(tr("looking ..."), "muted", "checksCountLabel", this);
    head->addWidget(m_count);
    layout->addLayout(head);
    auto *rule = named(new QFrame(this), "workstationRule");
    rule->setProperty("rule", QStringLiteral("h"));
    layout->addWidget(rule);
    auto *scroll = named(new QScrollArea(this), "checksScrollArea");
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *content = named(new QWidget(scroll), "checksContent");
    m_list = new QVBoxLayout(content);
    m_list->setContentsMargins(16, 0, 16, 0);
    m_list->setSpacing(0);
    m_list->addStretch();
    scroll->setWidget(content); // which would paint the window's colour over the card
    content->setAutoFillBackground(false);
    scroll->viewport()->setAutoFillBackground(false);
    layout->addWidget(scroll, 1);
}

QWidget *ChecksCard::line(const engine::Check &check)
{
    auto *row = named(new QWidget(this), "checkRow");
    auto *grid = new QGridLayout(row);
    grid->setContentsMargins(0, 8, 0, 8);
    grid->setHorizontalSpacing(12);
    grid->setVerticalSpacing(2);
    auto *picture = named(new QLabel(row), "checkIconLabel");
    picture->setPixmap(iconPixmap(check.ok ? QStringLiteral("check") : QStringLiteral("warning"),
                                  check.ok ? tokens().ok : tokens().warning, 16,
                                  devicePixelRatioF()));
    picture->setAccessibleName(check.ok ? tr("fine") : tr("to look at"));
    grid->addWidget(picture, 0, 0, 2, 1);
    grid->addWidget(makeLabel(qs(check.name), "strong", "checkNameLabel", row), 0, 1, 1, 2);
    auto *detail = makeLabel(qs(check.detail), "secondary", "checkDetailLabel", row);
    detail->setWordWrap(true);
    grid->addWidget(detail, 1, 1, 1, 2);
    if (!check.ok && !check.fix.empty()) {
        auto *fix = makeLabel(qs(check.fix), "fix", "checkFixLabel", row);
        fix->setTextInteractionFlags(Qt::TextSelectableByMouse);
        fix->setWordWrap(true);
        auto *copy = named(new QPushButton(tr("Copy"), row), "copyFixButton");
        copy->setProperty("kind", QStringLiteral("link"));
        const QString text = qs(check.fix);
        connect(copy, &QPushButton::clicked, row,
                [text] { QGuiApplication::clipboard()->setText(text); });
        grid->addWidget(fix, 2, 1);
        grid->addWidget(copy, 2, 2, Qt::AlignLeft);
    }
    grid->setColumnStretch(1, 1);
    return row;
}

void ChecksCard::show(const std::vector<engine::Check> &checks)
{
    while (m_list->count() > 1) {
        auto *item = m_list->takeAt(0);
        delete item->widget();
        delete item;
    }
    int fine = 0;
    int at = 0;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        fine += checks[i].ok ? 1 : 0;
        m_list->insertWidget(at++, line(checks[i]));
        if (i + 1 == checks.size())
            break;
        auto *rule = named(new QFrame(this), "checkRule");
        rule->setProperty("rule", QStringLiteral("h"));
        m_list->insertWidget(at++, rule);
    }
    const int look = static_cast<int>(checks.size()) - fine;
    m_count->setText(look ? tr("%1 fine, %2 to look at").arg(fine).arg(look)
                          : tr("%1 fine").arg(fine));
}

} // namespace ui
