//! DescribeAcls, CreateAcls, DeleteAcls.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse,
};

use crate::admin::{Acl, AclFilter, AclOperation, AclPermission, PatternType, ResourceType};
use crate::codec::{Call, owned, text};
use crate::refusal::Refusal;

/// In a filter: whatever the value.
const ANY: i8 = 1;

/// What a binding says, when all of its codes are known.
struct Codes {
    resource: i8,
    pattern: i8,
    operation: i8,
    permission: i8,
}

fn acl(codes: Codes, name: String, principal: String, host: String) -> Result<Acl, Refusal> {
    let unknown = || Refusal::malformed("the answer holds an ACL of a kind that this version does not know");
    Ok(Acl {
        resource: ResourceType::from_code(codes.resource).ok_or_else(unknown)?,
        name,
        pattern: PatternType::from_code(codes.pattern).ok_or_else(unknown)?,
        principal,
        host,
        operation: AclOperation::from_code(codes.operation).ok_or_else(unknown)?,
        permission: AclPermission::from_code(codes.permission).ok_or_else(unknown)?,
    })
}

pub(crate) struct DescribeAcls {
    pub(crate) filter: AclFilter,
}

impl Call for DescribeAcls {
    const NAME: &'static str = "DescribeAcls";
    type Wire = DescribeAclsRequest;
    type Reply = Vec<Acl>;

    fn wire(&self, _version: i16) -> DescribeAclsRequest {
        let filter = &self.filter;
        DescribeAclsRequest::default()
            .with_resource_type_filter(filter.resource.map_or(ANY, ResourceType::code))
            .with_resource_name_filter(filter.name.as_deref().map(text))
            .with_pattern_type_filter(filter.pattern.map_or(ANY, PatternType::code))
            .with_principal_filter(filter.principal.as_deref().map(text))
            .with_host_filter(filter.host.as_deref().map(text))
            .with_operation(filter.operation.map_or(ANY, AclOperation::code))
            .with_permission_type(filter.permission.map_or(ANY, AclPermission::code))
    }

    fn reply(answer: DescribeAclsResponse) -> Result<Vec<Acl>, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, answer.error_message.map(owned)) {
            return Err(refusal);
        }
        let mut acls = Vec::new();
        for resource in answer.resources {
            for entry in resource.acls {
                let codes = Codes {
                    resource: resource.resource_type,
                    pattern: resource.pattern_type,
                    operation: entry.operation,
                    permission: entry.permission_type,
                };
                let name = owned(resource.resource_name.clone());
                acls.push(acl(codes, name, owned(entry.principal), owned(entry.host))?);
            }
        }
        acls.sort();
        Ok(acls)
    }
}

pub(crate) struct CreateAcls {
    pub(crate) acls: Vec<Acl>,
}

impl Call for CreateAcls {
    const NAME: &'static str = "CreateAcls";
    type Wire = CreateAclsRequest;
    type Reply = Vec<Result<(), Refusal>>;

    fn wire(&self, _version: i16) -> CreateAclsRequest {
        let creations = self.acls.iter().map(|acl| {
            AclCreation::default()
                .with_resource_type(acl.resource.code())
                .with_resource_name(text(&acl.name))
                .with_resource_pattern_type(acl.pattern.code())
                .with_principal(text(&acl.principal))
                .with_host(text(&acl.host))
                .with_operation(acl.operation.code())
                .with_permission_type(acl.permission.code())
        });
        CreateAclsRequest::default().with_creations(creations.collect())
    }

    fn reply(answer: CreateAclsResponse) -> Result<Self::Reply, Refusal> {
        let results = answer.results.into_iter().map(|result| {
            Refusal::from_code(result.error_code, result.error_message.map(owned)).map_or(Ok(()), Err)
        });
        Ok(results.collect())
    }
}

pub(crate) struct DeleteAcls {
    pub(crate) filters: Vec<AclFilter>,
}

impl Call for DeleteAcls {
    const NAME: &'static str = "DeleteAcls";
    // A second attempt would not tell which entries the first one removed.
    const REPEATABLE: bool = false;
    type Wire = DeleteAclsRequest;
    type Reply = Vec<Result<Vec<Acl>, Refusal>>;

    fn wire(&self, _version: i16) -> DeleteAclsRequest {
        let filters = self.filters.iter().map(|filter| {
            DeleteAclsFilter::default()
                .with_resource_type_filter(filter.resource.map_or(ANY, ResourceType::code))
                .with_resource_name_filter(filter.name.as_deref().map(text))
                .with_pattern_type_filter(filter.pattern.map_or(ANY, PatternType::code))
                .with_principal_filter(filter.principal.as_deref().map(text))
                .with_host_filter(filter.host.as_deref().map(text))
                .with_operation(filter.operation.map_or(ANY, AclOperation::code))
                .with_permission_type(filter.permission.map_or(ANY, AclPermission::code))
        });
        DeleteAclsRequest::default().with_filters(filters.collect())
    }

    fn reply(answer: DeleteAclsResponse) -> Result<Self::Reply, Refusal> {
        let results = answer.filter_results.into_iter().map(|result| {
            if let Some(refusal) = Refusal::from_code(result.error_code, result.error_message.map(owned)) {
                return Err(refusal);
            }
            let removed = result.matching_acls.into_iter().map(|entry| {
                if let Some(refusal) = Refusal::from_code(entry.error_code, entry.error_message.map(owned)) {
                    return Err(refusal);
                }
                let codes = Codes {
                    resource: entry.resource_type,
                    pattern: entry.pattern_type,
                    operation: entry.operation,
                    permission: entry.permission_type,
                };
                acl(codes, owned(entry.resource_name), owned(entry.principal), owned(entry.host))
            });
            removed.collect()
        });
        Ok(results.collect())
    }
}
