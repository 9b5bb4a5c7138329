# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 16
    jgt %r3, %r2, i19
    ldxdw %r2, [%r1]
    stxdw [%r10-8], %r2
    ldxdw %r6, [%r1+8]
    jeq %r6, 0, i19
    mov %r7, 0
    ja i20
i12:
    ldxdw %r0, [%r1+8]
    ldxdw %r1, [%r1]
    stxdw [%r10-8], %r1
    add %r0, %r7
    add %r6, -1
    mov %r7, %r0
    jne %r6, 0, i20
i19:
    exit
i20:
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-24]
    mov %r2, %r1
    add %r2, 16
    ldxdw %r3, [%r10-16]
    jle %r2, %r3, i12
    mov %r0, %r7
    ja i19
