#include "ui/widgets/registry_board.h"

#include "ui/session/training_facts.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/choice.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

namespace {

using engine::ModelState;

struct ColumnWords
{
    QString name, about, icon;
};

ColumnWords wordsOf(ModelState state)
{
    switch (state) {
    case ModelState::Trained:
        return {RegistryBoard::tr("trained"), RegistryBoard::tr("weights, not judged"),
                QStringLiteral("training")};
    case ModelState::Evaluated:
        return {RegistryBoard::tr("evaluated"), RegistryBoard::tr("judged, not signed by us"),
                QStringLiteral("live")};
    case ModelState::Signed:
        return {RegistryBoard::tr("signed"), RegistryBoard::tr("may serve, never did"),
                QStringLiteral("check")};
    case ModelState::Canary:
        return {RegistryBoard::tr("canary"), RegistryBoard::tr("for some of the shoppers"),
                QStringLiteral("standby")};
    case ModelState::Serving:
        return {RegistryBoard::tr("serving"), RegistryBoard::tr("what shoppers get"),
                QStringLiteral("play")};
    case ModelState::Retired:
        return {RegistryBoard::tr("retired"), RegistryBoard::tr("served before"),
                QStringLiteral("rollback")};
    }
    return {};
}

/// Everything that a card shows, so that equal ones are not made anew.
std::string textOf(const engine::ShopModels &shop)
{
    std::string text = shop.shop + '|' + shop.problem + '|' + std::to_string(shop.floor);
    for (const auto &model : shop.models)
        text += '|' + model.entry.version + ',' + std::string(engine::name(model.state)) + ','
                + model.entry.digest + (model.entry.gatePassed ? "+" : "-")
                + (model.isPrevious ? "p" : "") + (model.isReference ? "r" : "")
                + (model.entry.revoked ? "x" : "");
    return text;
}

} // namespace

RegistryBoard::RegistryBoard(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 12, 16, 12);
    layout->setSpacing(8);
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    head->addWidget(makeLabel(tr("Model registry"), "title", "registryTitleLabel", this));
    m_problem = makeLabel({}, "muted", "registryProblemLabel", this);
    m_problem->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    head->addWidget(m_problem, 1);
    m_shop = named(new Choice(this), "registryShopCombo");
    m_shop->setAccessibleName(tr("Shop whose models are shown"));
    m_shop->setMinimumWidth(160);
    head->addWidget(m_shop);
    layout->addLayout(head);
    auto *area = named(new QScrollArea(this), "registryArea");
    area->setWidgetResizable(true);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *inside = named(new QWidget(area), "registryColumns");
    m_columns = new QHBoxLayout(inside);
    m_columns->setContentsMargins(0, 0, 0, 0);
    m_columns->setSpacing(10);
    area->setWidget(inside);
    inside->setAutoFillBackground(false); // it lies on the card
    area->viewport()->setAutoFillBackground(false);
    layout->addWidget(area, 1);
    connect(m_shop, &QComboBox::currentIndexChanged, this, [this] { showChosen(); });
}

QString RegistryBoard::shop() const
{
    return m_shop->currentText();
}

void RegistryBoard::show(std::vector<engine::ShopModels> shops)
{
    m_shops = std::move(shops);
    QStringList names;
    for (const auto &shop : m_shops)
        names << qs(shop.shop);
    QStringList known;
    for (int i = 0; i < m_shop->count(); ++i)
        known << m_shop->itemText(i);
    if (names != known) {
        const QSignalBlocker blocker(m_shop);
        const QString before = m_shop->currentText();
        m_shop->clear();
        m_shop->addItems(names);
        m_shop->setCurrentIndex(std::max(0, static_cast<int>(names.indexOf(before))));
        if (names.isEmpty())
            m_shop->setCurrentIndex(-1);
    }
    showChosen();
}

void RegistryBoard::showChosen()
{
    const auto chosen = std::find_if(m_shops.begin(), m_shops.end(), [this](const auto &shop) {
        return qs(shop.shop) == m_shop->currentText();
    });
    const engine::ShopModels none;
    const auto &shop = chosen == m_shops.end() ? none : *chosen;
    m_problem->setText(!shop.problem.empty() ? qs(shop.problem)
                       : m_shops.empty()
                           ? tr("There is no shop yet; start one on Home")
                           : tr("a model moves right when its gate holds; each is signed"));
    setRole(m_problem, shop.problem.empty() ? "muted" : "warning");
    const auto text = textOf(shop);
    if (text == m_shown && m_columns->count() > 0)
        return;
    m_shown = text;
    while (auto *item = m_columns->takeAt(0)) {
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    for (const auto state : {ModelState::Trained, ModelState::Evaluated, ModelState::Signed,
                             ModelState::Canary, ModelState::Serving, ModelState::Retired})
        m_columns->addWidget(column(shop, state), 1);
}

void RegistryBoard::changeEvent(QEvent *event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_columns) {
        m_shown.clear(); // icons have the colours of their palette
        showChosen();
    }
}

QWidget *RegistryBoard::column(const engine::ShopModels &shop, ModelState state)
{
    const auto words = wordsOf(state);
    const std::string id(engine::name(state));
    auto *frame = named(new QFrame(this), (id + "Column").c_str());
    frame->setProperty("card", state == ModelState::Serving ? QStringLiteral("serving")
                                                            : QStringLiteral("inset"));
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(6);
    auto *head = new QHBoxLayout;
    auto *mark = named(new QLabel(frame), (id + "IconLabel").c_str());
    mark->setPixmap(iconPixmap(words.icon,
                               state == ModelState::Serving ? tokens().ok : tokens().textMuted, 16,
                               devicePixelRatioF()));
    head->addWidget(mark);
    head->addWidget(makeLabel(words.name, "panel", (id + "NameLabel").c_str(), frame), 1);
    const auto count = std::count_if(shop.models.begin(), shop.models.end(),
                                     [state](const auto &model) { return model.state == state; });
    head->addWidget(makeLabel(QString::number(count), "muted", (id + "CountLabel").c_str(), frame));
    layout->addLayout(head);
    auto *about = makeLabel(words.about, "secondary", (id + "AboutLabel").c_str(), frame);
    about->setWordWrap(true);
    layout->addWidget(about);
    for (const auto &model : shop.models)
        if (model.state == state)
            layout->addWidget(card(shop, model, frame));
    layout->addStretch();
    return frame;
}

QWidget *RegistryBoard::card(const engine::ShopModels &shop, const engine::ShopModel &model,
                             QWidget *parent)
{
    const auto &entry = model.entry;
    const std::string id = "model" + entry.version;
    auto *frame = named(new QFrame(parent), (id + "Card").c_str());
    frame->setProperty("card", true);
    frame->setAccessibleName(
        tr("Version %1, %2").arg(qs(entry.version), wordsOf(model.state).name));
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(4);
    auto *head = new QHBoxLayout;
    head->addWidget(makeLabel(tr("%1 %2").arg(qs(entry.family), qs(entry.version)), "strong",
                              (id + "NameLabel").c_str(), frame),
                    1);
    auto *digest =
        makeLabel(qs(entry.digest.substr(0, 6)), "secondary", (id + "DigestLabel").c_str(), frame);
    digest->setFont(typeFont(Type::Fixed));
    digest->setToolTip(qs(entry.digest));
    head->addWidget(digest);
    layout->addLayout(head);
    if (const auto figure = mainFigure(entry.metrics)) {
        auto *values = new QHBoxLayout;
        values->addWidget(makeLabel(figure->name, "secondary", (id + "FigureLabel").c_str(), frame),
                          1);
        values->addWidget(
            makeLabel(numberText(figure->value, 4), "strong", (id + "ValueLabel").c_str(), frame));
        layout->addLayout(values);
    }
    const bool isWarning = !entry.gatePassed || entry.revoked || !model.isSigned;
    const QString remark = entry.revoked       ? tr("revoked")
                           : !model.isSigned   ? tr("not signed by us")
                           : !entry.gatePassed ? tr("did not pass its gate")
                           : model.isReference ? tr("reference of quality")
                           : model.isPrevious  ? tr("served before this one")
                                               : tr("passed its gate");
    auto *row = new QHBoxLayout;
    row->setSpacing(6);
    if (isWarning) {
        auto *mark = named(new QLabel(frame), (id + "RemarkIcon").c_str());
        mark->setPixmap(
            iconPixmap(QStringLiteral("warning"), tokens().warning, 14, devicePixelRatioF()));
        row->addWidget(mark);
    }
    row->addWidget(
        makeLabel(remark, isWarning ? "warning" : "secondary", (id + "RemarkLabel").c_str(), frame),
        1);
    layout->addLayout(row);
    const auto version = qs(entry.version);
    const auto shopName = qs(shop.shop);
    const bool mayServe = !entry.revoked && model.isSigned && entry.gatePassed;
    if (model.state == ModelState::Serving) {
        const bool canGoBack = std::any_of(shop.models.begin(), shop.models.end(),
                                           [](const auto &other) { return other.isPrevious; });
        auto *back =
            named(new QPushButton(icon(QStringLiteral("rollback")), tr("Roll back"), frame),
                  (id + "RollBackButton").c_str());
        back->setEnabled(canGoBack);
        back->setToolTip(canGoBack ? QString() : tr("No version served before this one"));
        connect(back, &QPushButton::clicked, this,
                [this, shopName] { Q_EMIT rollBackAsked(shopName, {}); });
        layout->addWidget(back);
    } else if (mayServe && model.state == ModelState::Retired) {
        auto *back =
            named(new QPushButton(icon(QStringLiteral("rollback")), tr("Roll back to"), frame),
                  (id + "RollBackButton").c_str());
        connect(back, &QPushButton::clicked, this,
                [this, shopName, version] { Q_EMIT rollBackAsked(shopName, version); });
        layout->addWidget(back);
    } else if (mayServe) {
        const bool isShown = model.state == ModelState::Canary;
        auto *canary =
            named(new QPushButton(isShown ? tr("End canary") : tr("Start canary"), frame),
                  (id + "CanaryButton").c_str());
        canary->setToolTip(isShown ? tr("Back to the model that serves the others")
                                   : tr("One replica serves it to a quarter of the shoppers"));
        connect(canary, &QPushButton::clicked, this, [this, shopName, version, isShown] {
            Q_EMIT canaryAsked(shopName, isShown ? QString() : version);
        });
        layout->addWidget(canary);
        auto *promote =
            named(new QPushButton(tr("Promote"), frame), (id + "PromoteButton").c_str());
        promote->setProperty("kind", QStringLiteral("primary"));
        connect(promote, &QPushButton::clicked, this,
                [this, shopName, version] { Q_EMIT promoteAsked(shopName, version); });
        layout->addWidget(promote);
    }
    return frame;
}

} // namespace ui
